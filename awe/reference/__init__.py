"""The reference, page by page, written from what the code declares, so that it cannot be out of date unnoticed."""
