"""catalogue/specifications.py: the formats that shops export."""

import pytest

from aisle.catalogue import specifications

RUBY = (
    '{"product_specification"=>[{"key"=>"Type", "value"=>"Analog => digital"}, {"value"=>"nil \\"steel\\""}]}'
)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("  ", []),
        (RUBY, [("Type", "Analog => digital"), ("", 'nil "steel"')]),
        ('{"product_specification"=>{"key"=>"Type", "value"=>"Analog"}}', [("Type", "Analog")]),
        ('{"product_specification"=>[nil, {"key"=>"Type", "value"=>nil}]}', [("Type", "")]),
        ('{"product_specification"=>nil}', []),
        ('{"Colour": "red", "Sizes": {"S": 1, "M": 2}}', [("Colour", "red"), ("S", "1"), ("M", "2")]),
        (
            '[{"key": "Colour", "value": "red"}, {"key": "Age", "value": 0}]',
            [("Colour", "red"), ("Age", "0")],
        ),
        ('["steel", "glass"]', [("", "steel"), ("", "glass")]),
        (
            "Colour: red; Time: 10:30 ; waterproof;",
            [("Colour", "red"), ("Time", "10:30"), ("", "waterproof")],
        ),
    ],
)
def test_pairs_are_found(text, pairs):
    assert specifications.parse(text) == pairs


@pytest.mark.parametrize(
    "text", ['{"a"=>', "{broken}", '["a"', '{"a"=>"b"} tail', "[" * 100_000, '{"a"=>{"b"=>']
)
def test_a_broken_hash_is_a_value_error(text):
    with pytest.raises(ValueError):
        specifications.parse(text)


def test_pairs_survive_their_json():
    pairs = [("Größe", 'a "b"'), ("", "x: y; z")]
    assert specifications.loads(specifications.dumps(pairs)) == pairs
    assert "Größe" in specifications.dumps(pairs)


def test_half_a_surrogate_can_still_be_stored():
    text = specifications.dumps(specifications.parse('{"a": "x\\ud800y"}'))
    text.encode("utf-8")
