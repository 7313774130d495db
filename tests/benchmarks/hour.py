"""What is said in an hour: about ten thousand words on six subjects, made up."""

from __future__ import annotations

import random
from collections.abc import Iterator

SEGMENTS = 700
SUBJECTS = {
    "energy": ("solar power", "the grid", "nuclear plants", "wind farms", "gas prices"),
    "health": ("the hospital", "vaccines", "family doctors", "heart disease", "nurses"),
    "schools": ("the teachers", "reading scores", "school meals", "pupils", "exams"),
    "transport": ("the railway", "cyclists", "bus fares", "airports", "traffic deaths"),
    "housing": ("rents", "the tenants", "new flats", "mortgage rates", "landlords"),
    "space": ("the rover", "astronauts", "the telescope", "Mars missions", "satellites"),
}
FORMS = (
    "In {year}, {subject} changed by {number} percent, according to the ministry of {theme}.",
    "I believe that {subject} deserve more attention than they have had since {year}.",
    "What would you say to people who worry about {subject} in the year {year}?",
    "The report of {year} counted {number} thousand cases that had to do with {subject}.",
    "Nobody can talk about {theme} without talking about {subject} and the {number} rules.",
    "That is a wonderful story about {subject}, and it made many people happy in {year}.",
    "We were all deeply disappointed by {subject} and by what was promised {number} times.",
)


def sentences(seed: int = 11) -> Iterator[str]:
    """The sentences of an hour, in order."""
    chance = random.Random(seed)
    themes = list(SUBJECTS)
    for number in range(SEGMENTS):
        theme = themes[number * len(themes) // SEGMENTS]
        yield chance.choice(FORMS).format(
            theme=theme,
            subject=chance.choice(SUBJECTS[theme]),
            year=chance.randint(1950, 2024),
            number=chance.randint(2, 98),
        )
