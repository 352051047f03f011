"""Arrays in, arrays out: the algorithms of the image pipeline, without files, rows or headers.

Every module holds one kind of step and pure functions only. Pixels are ``(ny, nx)`` float32 with (0, 0)
the centre of the first pixel; mask planes are the bits of `awe.science.mask`; variance and weight planes
are float32. A function never changes an array that it is given, and gives the same bits whatever the
number of threads.
"""
