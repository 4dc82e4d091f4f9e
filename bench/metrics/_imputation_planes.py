"""Linear imputation on the processor: conjugate gradients and multigrid, one channel of one copy at a time.

The mathematics is that of `_imputation_tensors`. A plane of 224 x 224 floats and all that its solution needs fit
into the caches of one core, where a sweep takes a fraction of its time in memory. Differences: each plane ends
by itself, so that it depends on no other copy; the coarsest grid is one pixel instead of 8 x 8.

Level 0 is the image; each next one has half its sides, rounded up. The planes of a level have a border of zeros, one
pixel wide, and follow each other in `room`; `sizes` holds each level's height, width and first place in `room`.

SHARE: of a pixel that `_guess` must guess; on level 0 the mask, 1 where missing.
RAISE: by what `_guess` multiplies the mean of what is known.
GAIN: a pixel's share over its count, for the correction; on level 0 the direction.
U: the correction before the last sweep; on level 0 the solution.
R: the known part for `_guess`, then the residual, then the correction.
LEFT: the residual after the first sweep; on level 0 the change, then the direction's fall.
"""

import numpy as np

from bench.metrics._compiled import compiled

Array = np.ndarray
Settings = tuple[float, float, int, int]  # tolerance, `STEP`, `PINNING`, `ITERATIONS`
PLANES = 6
SHARE, RAISE, GAIN, U, R, LEFT = range(PLANES)
DIRECTION, CHANGE = GAIN, LEFT  # on level 0
LINE, WIDE, DOWN, ACROSS = range(4)  # rows that a sweep needs; the neighbours' weights along a column and along a row


def layout(height: int, width: int) -> tuple[Array, int]:
    """Return `sizes` and how long `room` must be; it starts as zeros."""
    rows, end = [], 0
    while True:
        rows.append((height, width, end))
        end += PLANES * (height + 2) * (width + 2)
        if max(height, width) == 1:
            return np.array(rows), end
        height, width = (height + 1) // 2, (width + 1) // 2


@compiled
def fill(image: Array, missing: Array, filled: Array, settings: Settings, room: Array, sizes: Array) -> bool:
    """Impute one copy, False if it does not converge: image and filled [H, W, C], missing bool [H, W]."""
    height, width = missing.shape
    fine, lines = _level(room, sizes, 0)[:, 1:-1, 1:-1], np.zeros((4, max(height, width) + 6), room.dtype)
    fine[SHARE] = missing
    _prepare(room, sizes, settings[2], lines)
    for channel in range(image.shape[2]):
        fine[R] = image[:, :, channel] * (1 - fine[SHARE])
        _guess(room, sizes, lines)
        if not _solve(room, sizes, settings, lines):
            return False
        filled[:, :, channel] = fine[U]
    return True


@compiled
def _solve(room: Array, sizes: Array, settings: Settings, lines: Array) -> bool:
    """Improve the guess in U until a correction changes no pixel by more than the tolerance."""
    number = room.dtype.type
    zero, one, tolerance, step = number(0), number(1), number(settings[0]), number(settings[1])
    fine, coarse = _level(room, sizes, 0), _level(room, sizes, min(1, len(sizes) - 1))
    u, r, direction, change, mask = fine[U], fine[R], fine[DIRECTION], fine[CHANGE], fine[SHARE]
    height, width = sizes[0, 0], sizes[0, 1]
    for y in range(height):
        _around(u, y, lines)
        for x in range(width):
            direction[y + 1, x + 1] = zero
            count = lines[DOWN, y] * lines[ACROSS, x]
            r[y + 1, x + 1] = mask[y + 1, x + 1] * (lines[WIDE, x] - count * u[y + 1, x + 1])
    if np.abs(r).max() <= 8 * np.finfo(room.dtype).eps * np.abs(u).max():
        return True  # solved to rounding, which a correction would only amplify
    before = 1.0
    for _ in range(settings[3]):
        _gather(r, coarse[R], lines[LINE])
        _correct(room, sizes, lines)
        now, beyond = 0.0, 0.0
        for y in range(height):
            _double(coarse[R], y, lines)
            product, many = zero, zero
            for x in range(width):
                new = mask[y + 1, x + 1] * lines[WIDE, x] + step * r[y + 1, x + 1]
                change[y + 1, x + 1] = new
                product += new * r[y + 1, x + 1]
                many += zero if abs(new) <= tolerance else one  # NaN is beyond
            now += product
            beyond += many
        if beyond == 0:
            _add(u, change, one)
            return True
        ratio, curvature = number(now / before), 0.0
        for y in range(height):
            for ahead in range(y + min(y, 1), min(y + 2, height)):  # the rows that the next line needs and lacks
                for x in range(width):
                    direction[ahead + 1, x + 1] = change[ahead + 1, x + 1] + ratio * direction[ahead + 1, x + 1]
            _around(direction, y, lines)
            product = zero
            for x in range(width):
                count = lines[DOWN, y] * lines[ACROSS, x]
                fall = mask[y + 1, x + 1] * (lines[WIDE, x] - count * direction[y + 1, x + 1])
                change[y + 1, x + 1] = fall
                product += fall * direction[y + 1, x + 1]
            curvature += product
        length = number(-now / curvature)
        _add(u, direction, length)
        _add(r, change, length)
        before = now
    return False


@compiled
def _correct(room: Array, sizes: Array, lines: Array) -> None:
    """Turn the residual in level 1's R into the correction: see `_Multigrid.correction`."""
    last, zero, third = len(sizes) - 1, room.dtype.type(0), room.dtype.type(1 / 3)
    for depth in range(1, last + 1):
        here = _level(room, sizes, depth)
        u, gain, r, left = here[U], here[GAIN], here[R], here[LEFT]
        height, width = sizes[depth, 0], sizes[depth, 1]
        np.multiply(gain, r, u)
        if depth < last:
            for y in range(height):
                _around(u, y, lines)
                for x in range(width):
                    mean = lines[WIDE, x] - third * u[y + 1, x + 1]
                    left[y + 1, x + 1] = mean if gain[y + 1, x + 1] > 0 else zero
            _gather(left, _level(room, sizes, depth + 1)[R], lines[LINE])
    r[1, 1] = u[1, 1]
    for depth in range(last - 1, 0, -1):
        coarse, here = here, _level(room, sizes, depth)
        u, gain, r = here[U], here[GAIN], here[R]
        height, width = sizes[depth, 0], sizes[depth, 1]
        for y in range(height):
            _double(coarse[R], y, lines)
            for x in range(width):
                u[y + 1, x + 1] += lines[WIDE, x] if gain[y + 1, x + 1] > 0 else zero
        for y in range(height):
            _around(u, y, lines)
            for x in range(width):
                mean = lines[WIDE, x] - third * u[y + 1, x + 1]
                r[y + 1, x + 1] = gain[y + 1, x + 1] * (r[y + 1, x + 1] + mean)


@compiled
def _prepare(room: Array, sizes: Array, pinning: int, lines: Array) -> None:
    """Fill SHARE, RAISE and GAIN of the coarser levels from the mask."""
    for depth in range(1, len(sizes)):
        fine, here = _level(room, sizes, depth - 1), _level(room, sizes, depth)
        _halve(fine[SHARE], here[SHARE], lines[LINE])
        _halve(fine[SHARE if depth == 1 else GAIN], here[GAIN], lines[LINE])
        some = 1 - here[SHARE]
        here[RAISE] = 1 / np.maximum(some, 0.25)  # one known pixel of 4 is enough
        here[SHARE] = 1 - some * here[RAISE]
        here[GAIN] = here[GAIN] ** pinning
    for depth in range(len(sizes) - 1, -1, -1):  # level 0 last: it keeps the weights, and its GAIN is not read
        here, height, width = _level(room, sizes, depth), sizes[depth, 0], sizes[depth, 1]
        down, across = lines[DOWN, :height], lines[ACROSS, :width]
        down[:], across[:] = 4, 1 / 3
        for edge in (0, -1):  # the same pixel, twice, where a side is 1
            down[edge] -= 1
            across[edge] -= 1 / 12
        here[GAIN, 1:-1, 1:-1] /= np.maximum(np.outer(down, across) - 1 / 3, 1 / 12)


@compiled
def _guess(room: Array, sizes: Array, lines: Array) -> None:
    """Fill level 0's U from what is known, in its R: see `_pyramid`."""
    last = len(sizes) - 1
    for depth in range(1, last + 1):
        here = _level(room, sizes, depth)
        _halve(_level(room, sizes, depth - 1)[R], here[R], lines[LINE])
        np.multiply(here[R], here[RAISE], here[R])
    here = _level(room, sizes, last)
    here[U, 1, 1] = here[R, 1, 1] / (1 - here[SHARE, 1, 1])
    for depth in range(last - 1, -1, -1):
        coarse, here = here, _level(room, sizes, depth)
        u, known, share = here[U], here[R], here[SHARE]
        for y in range(sizes[depth, 0]):
            _double(coarse[U], y, lines)
            for x in range(sizes[depth, 1]):
                u[y + 1, x + 1] = known[y + 1, x + 1] + share[y + 1, x + 1] * lines[WIDE, x]


@compiled
def _level(room: Array, sizes: Array, depth: int) -> Array:
    height, width, first = sizes[depth]
    return room[first : first + PLANES * (height + 2) * (width + 2)].reshape(PLANES, height + 2, width + 2)


@compiled
def _around(u: Array, y: int, lines: Array) -> None:
    """Write the sum of row y's pixels and neighbours, weights outer([1, 2, 1], [1, 2, 1]) / 12, to WIDE."""
    two, part = u.dtype.type(2), u.dtype.type(1 / 12)
    line, out = lines[LINE], lines[WIDE]
    for x in range(u.shape[1]):
        line[x] = part * (u[y, x] + two * u[y + 1, x] + u[y + 2, x])
    for x in range(u.shape[1] - 2):
        out[x] = line[x] + two * line[x + 1] + line[x + 2]


@compiled
def _halve(fine: Array, coarse: Array, line: Array) -> None:
    """Mean of each 2 x 2 pixels, of those inside."""
    height, width, quarter = fine.shape[0] - 2, fine.shape[1] - 2, fine.dtype.type(0.25)
    for i in range(coarse.shape[0] - 2):
        below = min(2 * i + 2, height)
        for x in range(width):
            line[x] = fine[2 * i + 1, x + 1] + fine[below, x + 1]
        line[width] = line[width - 1]
        for j in range(coarse.shape[1] - 2):
            coarse[i + 1, j + 1] = quarter * (line[2 * j] + line[2 * j + 1])


@compiled
def _double(coarse: Array, y: int, lines: Array) -> None:
    """Write row y of the bilinear enlargement to WIDE; beyond the border lies the nearest pixel."""
    three, part = coarse.dtype.type(3), coarse.dtype.type(1 / 16)
    line, out, height, width = lines[LINE], lines[WIDE], coarse.shape[0] - 2, coarse.shape[1] - 2
    near = y // 2 + 1
    next_near = max(near - 1, 1) if y % 2 == 0 else min(near + 1, height)
    for j in range(width):
        line[j + 1] = part * (three * coarse[near, j + 1] + coarse[next_near, j + 1])
    line[0], line[width + 1] = line[1], line[width]
    for j in range(width):
        out[2 * j] = three * line[j + 1] + line[j]
        out[2 * j + 1] = three * line[j + 1] + line[j + 2]


@compiled
def _gather(fine: Array, coarse: Array, line: Array) -> None:
    """Add what `_double` spreads: its transpose."""
    three, part = fine.dtype.type(3), fine.dtype.type(1 / 16)
    height, width = fine.shape[0] - 2, fine.shape[1] - 2
    for i in range(coarse.shape[0] - 2):
        above, below = max(2 * i, 1), min(2 * i + 2, height + 1)  # at an odd end the border of zeros
        last = height if below == height else min(2 * i + 3, height + 1)
        for x in range(width):
            middle = fine[2 * i + 1, x + 1] + fine[below, x + 1]
            line[x + 1] = fine[above, x + 1] + three * middle + fine[last, x + 1]
        line[0], line[width + 2] = line[1], 0
        line[width + 1] = 0 if width % 2 else line[width]
        for j in range(coarse.shape[1] - 2):
            coarse[i + 1, j + 1] = part * (line[2 * j] + three * (line[2 * j + 1] + line[2 * j + 2]) + line[2 * j + 3])


@compiled
def _add(u: Array, change: Array, length: float) -> None:
    for y in range(1, u.shape[0] - 1):
        for x in range(1, u.shape[1] - 1):
            u[y, x] += length * change[y, x]
