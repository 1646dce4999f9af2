"""Tasks on geometry and measurement. Circles are left in terms of pi, so that every answer is exact."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from curricula.demo.builder import Task, Topic, decimal

#: Sides of right triangles that are whole numbers.
TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29))


def perimeter(draw: Random, level: int) -> Task:
    width, length = draw.randint(2, 12), draw.randint(5, 20)
    if level == 0:
        return Task(
            f"A rectangle is {width} cm wide and {length} cm long. What is its perimeter in cm?",
            str(2 * (width + length)),
        )
    if level == 1:
        sides = draw.randint(3, 8)
        return Task(
            f"All {sides} sides of a shape are {length} cm long. What is its perimeter in cm?", str(sides * length)
        )
    around = 2 * (width + length)
    return Task(
        f"A rectangle has a perimeter of {around} cm and is {width} cm wide. How many cm long is it?", str(length)
    )


def area_rectangles(draw: Random, level: int) -> Task:
    width, length = draw.randint(2, (9, 12, 15)[level]), draw.randint(5, (9, 20, 30)[level])
    if level == 0:
        return Task(
            f"A rectangle is {width} cm wide and {length} cm long. What is its area in square cm?", str(width * length)
        )
    if level == 1:
        statement = (
            f"A rectangle has an area of {width * length} square cm and is {width} cm wide. How many cm long is it?"
        )
        return Task(statement, str(length))
    cut = draw.randint(1, min(width, length) - 1)
    statement = (
        f"A square with sides of {cut} cm is cut out of a corner of a rectangle that is {width} cm wide and "
        f"{length} cm long. How many square cm are left?"
    )
    return Task(statement, str(width * length - cut * cut), harder=0.2)


def angles(draw: Random, level: int) -> Task:
    first = draw.randint(3, 16) * (10 if level == 0 else 5)
    if level == 0:
        return Task(
            f"Two angles make a straight line. One is {first} degrees. How many is the other?", str(180 - first)
        )
    if level == 1:
        return Task(f"Two angles make a right angle. One is {first} degrees. How many is the other?", str(90 - first))
    first, second, third = first + 20, draw.randint(51, 109), draw.randint(31, 99)
    statement = f"Four angles meet at a point and fill it. Three are {first}, {second} and {third} degrees."
    return Task(f"{statement} How many degrees is the fourth?", str(360 - first - second - third))


def triangle_angles(draw: Random, level: int) -> Task:
    first, second = draw.randint(4, 8) * 10, draw.randint(31, 89)
    if level == 0:
        statement = f"Two angles of a triangle are {first} and {second} degrees. How many degrees is the third?"
        return Task(statement, str(180 - first - second))
    if level == 1:
        apex = draw.randint(10, 70) * 2
        statement = (
            f"A triangle has two equal sides, and {apex} degrees between them. How many degrees is each other angle?"
        )
        return Task(statement, str((180 - apex) // 2))
    ratio = draw.choice([(1, 2, 3), (2, 3, 4), (1, 3, 5), (3, 4, 5), (1, 4, 5), (2, 3, 5), (1, 2, 2), (4, 5, 6)])
    shown = ":".join(map(str, ratio))
    statement = f"The angles of a triangle are in the ratio {shown}. How many degrees is the greatest?"
    return Task(statement, str(180 * max(ratio) // sum(ratio)), also="ratio-sharing")


def area_triangles(draw: Random, level: int) -> Task:
    base, height = draw.randint(2, 12) * 2, draw.randint(3, 15)
    area = base * height // 2
    if level == 0:
        statement = f"A triangle has a base of {base} cm and a height of {height} cm. What is its area in square cm?"
        return Task(statement, str(area))
    if level == 1:
        statement = f"A triangle has an area of {area} square cm and a base of {base} cm. How many cm is its height?"
        return Task(statement, str(height))
    top = base + 2 * draw.randint(1, 6)
    statement = f"A trapezium has parallel sides of {base} cm and {top} cm that are {height} cm apart."
    return Task(f"{statement} What is its area in square cm?", str((base + top) * height // 2))


def volume_boxes(draw: Random, level: int) -> Task:
    width, length, height = (draw.randint(2, (5, 9, 12)[level]) for _ in range(3))
    volume = width * length * height
    if level < 2:
        return Task(f"A box is {width} cm by {length} cm by {height} cm. What is its volume in cubic cm?", str(volume))
    statement = (
        f"A box has a volume of {volume} cubic cm. Its base is {width} cm by {length} cm. How many cm high is it?"
    )
    return Task(statement, str(height))


def surface_area(draw: Random, level: int) -> Task:
    width, length, height = (draw.randint(2, (6, 9, 12)[level]) for _ in range(3))
    if level == 0:
        side = draw.randint(2, 12)
        return Task(f"A cube has sides of {side} cm. What is its surface area in square cm?", str(6 * side * side))
    box = f"A box is {width} cm by {length} cm by {height} cm"
    surface = 2 * (width * length + width * height + length * height)
    if level == 1:
        return Task(f"{box}. What is its surface area in square cm?", str(surface))
    statement = f"{box} high and has no lid. What is its surface area in square cm?"
    return Task(statement, str(surface - width * length), harder=0.1)


def circles(draw: Random, level: int) -> Task:
    radius = draw.randint(2, (12, 15, 20)[level])
    ask = "Give a multiple of pi."
    if level == 0:
        statement = f"A circle has a radius of {radius} cm. What is its circumference in cm?"
        return Task(f"{statement} {ask}", f"{2 * radius}pi")
    if level == 1:
        statement = f"A circle has a radius of {radius} cm. What is its area in square cm?"
        return Task(f"{statement} {ask}", f"{radius**2}pi")
    statement = f"A circle has an area of {radius**2}pi square cm. What is its circumference in cm?"
    return Task(f"{statement} {ask}", f"{2 * radius}pi")


def pythagoras(draw: Random, level: int) -> Task:
    triple, factor = draw.choice(TRIPLES), draw.randint(1, 4)
    first, second, longest = (side * factor for side in triple)
    if draw.random() < 0.5:
        first, second = second, first
    harder = 0.15 * (longest > 30)
    if level == 0:
        statement = (
            f"The short sides of a right triangle are {first} cm and {second} cm. How many cm is the longest side?"
        )
        return Task(statement, str(longest), harder)
    if level == 1:
        statement = (
            f"The longest side of a right triangle is {longest} cm, another {first} cm. How many cm is the third side?"
        )
        return Task(statement, str(second), harder)
    x, y = draw.randint(-5, 5), draw.randint(-5, 5)
    statement = f"How far apart are the points ({x}, {y}) and ({x + first}, {y - second})?"
    return Task(statement, str(longest), harder, also="coordinate-plane")


def volume_cylinders(draw: Random, level: int) -> Task:
    radius, height = draw.randint(2, 9), draw.randint(3, 15)
    volume = radius**2 * height
    if level == 0:
        statement = f"A cylinder has a radius of {radius} cm and is {height} cm high. What is its volume in cubic cm?"
        return Task(f"{statement} Give a multiple of pi.", f"{volume}pi")
    if level == 1:
        statement = (
            f"A cylinder has a volume of {volume}pi cubic cm and a radius of {radius} cm. How many cm high is it?"
        )
        return Task(statement, str(height))
    statement = f"A cone has a radius of {radius} cm and is {height * 3} cm high. What is its volume in cubic cm?"
    return Task(f"{statement} Give a multiple of pi.", f"{volume}pi")


def similar_figures(draw: Random, level: int) -> Task:
    first, second, factor = draw.randint(3, 9), draw.randint(10, 15), draw.randint(2, 5)
    if level == 0:
        statement = f"A photo of {first} cm by {second} cm is enlarged {factor} times. How many cm is its longer side?"
        return Task(statement, str(max(first, second) * factor))
    if level == 1:
        statement = (
            f"Two triangles are similar. Sides of {first} cm and {second} cm in the first match {first * factor} cm "
            f"and x cm in the second. What is x?"
        )
        return Task(statement, str(second * factor), also="proportions")
    area = first * second
    statement = (
        f"The sides of a shape with an area of {area} square cm are made {factor} times as long. What is the new area?"
    )
    return Task(f"{statement} Answer in square cm.", str(area * factor**2))


def time(draw: Random, level: int) -> Task:
    hour, minute = draw.randint(7, 18), draw.randint(1, 11) * 5
    lasts = draw.randint(*((2, 11), (13, 22), (25, 50))[level]) * 5
    ends = hour * 60 + minute + lasts
    if level < 2:
        statement = f"A film starts at {hour}:{minute:02d} and lasts {lasts} minutes. When does it end?"
        return Task(statement, f"{ends // 60}:{ends % 60:02d}", harder=0.2 * (ends // 60 > hour + lasts // 60))
    statement = (
        f"A train leaves at {hour}:{minute:02d} and arrives at {ends // 60}:{ends % 60:02d}. How many minutes is that?"
    )
    return Task(statement, str(lasts))


def unit_conversion(draw: Random, level: int) -> Task:
    big, small, factor = draw.choice(
        [("m", "cm", 100), ("km", "m", 1000), ("kg", "g", 1000), ("l", "ml", 1000), ("cm", "mm", 10)]
    )
    amount = Fraction(draw.randint(2, 95), (1, 10, 100)[level])
    if level == 2:
        whole = draw.randint(2, 9)
        statement = f"{decimal(amount * factor)} {small} are taken from {whole} {big}. How many {big} are left?"
        return Task(statement, decimal(whole - amount), also="adding-decimals")
    if draw.random() < 0.5:
        return Task(f"How many {small} are {decimal(amount)} {big}?", decimal(amount * factor))
    return Task(f"How many {big} are {decimal(amount * factor)} {small}?", decimal(amount), harder=0.3)


DOMAIN = "Geometry and measurement"
TOPICS = (
    Topic("perimeter", "Perimeter", "3", DOMAIN, "addition", 0.5, perimeter),
    Topic("area-rectangles", "Area of rectangles", "3", DOMAIN, "perimeter multiplication-facts", 0.6, area_rectangles),
    Topic("time", "Time", "3", DOMAIN, "addition", 0.6, time),
    Topic("unit-conversion", "Units of measure", "5", DOMAIN, "powers-of-ten adding-decimals", 0.5, unit_conversion),
    Topic("angles", "Angles", "4", DOMAIN, "subtraction", 0.4, angles),
    Topic(
        "volume-boxes", "Volume of boxes", "5", DOMAIN, "area-rectangles multi-digit-multiplication", 0.7, volume_boxes
    ),
    Topic(
        "area-triangles",
        "Area of triangles",
        "6",
        DOMAIN,
        "area-rectangles fraction-of-a-quantity",
        0.7,
        area_triangles,
    ),
    Topic("surface-area", "Surface area", "6", DOMAIN, "volume-boxes", 1.0, surface_area),
    Topic("circles", "Circles", "7", DOMAIN, "area-rectangles exponents", 0.7, circles),
    Topic(
        "triangle-angles",
        "Angles of triangles",
        "7",
        DOMAIN,
        "angles one-step-equations ratio-sharing",
        0.6,
        triangle_angles,
    ),
    Topic(
        "pythagoras",
        "The theorem of Pythagoras",
        "8",
        DOMAIN,
        "square-roots area-triangles coordinate-plane",
        1.0,
        pythagoras,
    ),
    Topic("volume-cylinders", "Cylinders and cones", "8", DOMAIN, "circles volume-boxes", 0.9, volume_cylinders),
    Topic("similar-figures", "Similar figures", "8", DOMAIN, "scale-drawings triangle-angles", 0.9, similar_figures),
)
