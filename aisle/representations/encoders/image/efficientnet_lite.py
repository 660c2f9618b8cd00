"""EfficientNet-Lite0 trained on ImageNet, without its top."""

from aisle.representations.encoders.image.keras_backbone import KerasBackbone


class EfficientNetLite(KerasBackbone):
    """The last feature map of EfficientNet-Lite0, averaged, (n, 1280), or whole; see `KerasBackbone`."""

    export = "efficientnet_lite"


Encoder = EfficientNetLite
