"""The report's sections, one per file: each has `section(results)`; aisle/report/page.py orders them."""
