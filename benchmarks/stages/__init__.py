"""The stages of the accuracy report: each measures one part of the pixel pipeline against simulated truth."""
