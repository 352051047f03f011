"""An object-persistent dataflow information system for wide-field astronomy."""
__version__ = "0.1.0"
