"""Made-up people's names and places.

Belongs here: small word lists, with letters beyond ASCII, for persons and addresses. Doesn't
belong here: who gets which name (people.py).
"""

from __future__ import annotations

import unicodedata

FIRST_NAMES = (
    "José", "Zoë", "Łukasz", "María", "Chloé", "Renée", "André", "Björn", "Anaïs", "Inés",
    "James", "Mary", "Robert", "Patricia", "Michael", "Linda", "David", "Barbara", "Aaliyah",
    "Susan", "Daniel", "Jessica", "Thomas", "Sarah", "Karen", "Anthony", "Nancy", "Mark", "Lisa",
    "Steven", "Ashley", "Priya", "Wei", "Minh", "Fatima", "Omar", "Kenji", "Amara", "Kwame",
    "Olivia", "Noah", "Emma", "Liam", "Ava", "Sophia", "Lucas", "Mateo", "Valentina", "Émilie",
    "François", "Geneviève", "Jérôme", "Mélanie", "Sébastien", "Noémie", "Siobhán", "Seán",
    "Nadia", "Viktor", "Ewa", "Jürgen", "Søren", "Håkon", "Ngozi", "Tariq", "Leila", "Hannah",
    "Gabriel", "Isabella", "Ethan", "Mia", "Logan", "Harper", "Caleb", "Ruth", "Arjun", "Mei",
)  # fmt: skip
LAST_NAMES = (
    "García", "Núñez", "Müller", "Wójcik", "Lefèvre", "Tremblay", "Gagnon", "Côté", "Bouchard",
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis", "Wilson", "Anderson",
    "Taylor", "Moore", "Jackson", "Martin", "Lee", "Thompson", "White", "Harris", "Clark",
    "Lewis", "Robinson", "Walker", "Young", "Allen", "King", "Wright", "Scott", "Nguyễn",
    "Patel", "Singh", "Chen", "Kim", "Okafor", "Mensah", "Hernández", "Peña", "O'Brien",
    "Mac Donald", "D'Souza", "van den Berg", "Sørensen", "Jönsson", "Kowalczyk", "Nováková",
    "Fortin", "Bélanger", "Lavoie", "Pelletier", "Morin", "Desrosiers", "Haddad", "Rossi",
    "Ferreira", "Dubois-Roy", "Campbell", "Stewart", "Fraser", "Reid", "Turner", "Parker",
)  # fmt: skip
PLACES_US = (
    ("New York", "New York", "100"), ("Los Angeles", "California", "900"),
    ("Chicago", "Illinois", "606"), ("Houston", "Texas", "770"), ("Phoenix", "Arizona", "850"),
    ("Philadelphia", "Pennsylvania", "191"), ("Denver", "Colorado", "802"),
    ("Atlanta", "Georgia", "303"), ("Minneapolis", "Minnesota", "554"),
    ("Seattle", "Washington", "981"),
)  # fmt: skip
PLACES_CA = (
    ("Toronto", "Ontario", "M5V"), ("Montréal", "Quebec", "H2X"),
    ("Vancouver", "British Columbia", "V6B"), ("Calgary", "Alberta", "T2P"),
    ("Québec", "Quebec", "G1R"), ("Halifax", "Nova Scotia", "B3H"),
)  # fmt: skip
MAIL_DOMAINS = (
    "gmail.example",
    "outlook.example",
    "yahoo.example",
    "icloud.example",
    "post.example",
)
WORK_DOMAINS = ("harborworks.example", "cedarlabs.example", "mapleco.example", "ridgeline.example")

NICKNAMES = {
    "James": ("Jim", "Jimmy"), "Robert": ("Bob", "Rob"), "Patricia": ("Pat", "Trish"),
    "Michael": ("Mike",), "David": ("Dave",), "Barbara": ("Barb",), "Susan": ("Sue",),
    "Daniel": ("Dan", "Danny"), "Jessica": ("Jess",), "Thomas": ("Tom",), "Anthony": ("Tony",),
    "Steven": ("Steve",), "Olivia": ("Liv",), "Mateo": ("Teo",), "Valentina": ("Val",),
    "Geneviève": ("Gen", "Ginette"), "Sébastien": ("Seb",), "Isabella": ("Bella", "Izzy"),
    "Gabriel": ("Gabe",), "Caleb": ("Cale",), "Nadia": ("Nadi",), "Aaliyah": ("Lia",),
    "José": ("Pepe",), "Mary": ("Molly",), "Linda": ("Lindy",), "Nancy": ("Nan",),
}  # fmt: skip
"""Short forms; some are in no list of nicknames."""

LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D"})


def mail_name(name: str) -> str:
    """Return the part of a name that fits into an e-mail address."""
    plain = (
        unicodedata.normalize("NFKD", name.translate(LETTERS)).encode("ascii", "ignore").decode()
    )
    return "".join(letter for letter in plain.lower() if letter.isalnum())
