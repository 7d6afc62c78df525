"""Match a bank's customers with our hashed list on the bank's own side; only matches leave it.

Needs Python 3.9 or later and the package duckdb, no other; sends nothing anywhere.

    python blind_match.py --check test_vectors.json
    python blind_match.py --ours our_hashes.csv --customers openings.csv --key-file key.hex \
        --key-id northlake-1 --out matches.csv

`openings.csv` (CSV or Parquet) has the columns reference, email, phone, first_name, last_name,
birth_date (YYYY-MM-DD), postal_code; what is missing isn't compared. `key.hex` holds the shared
key in hexadecimal. `matches.csv` gets reference, matched_row_id, match_tier (2: e-mail or phone,
3: name, birth date and postcode) and hash_key_id: of each opening the surest match, and none where
two of our rows match equally.

Belongs here: all that the bank needs in one file, so the normal forms of normalise.py and the hash
of keyed_hash.py once more; tests hold both copies together. Doesn't belong here: anything of ours.
"""

from __future__ import annotations

import argparse
import csv
import hmac
import json
import re
import sys
import tempfile
import unicodedata
from datetime import date
from hashlib import sha256
from pathlib import Path

NORMALISATION_VERSION = "1"
KINDS = ("email", "phone", "name_birth_postcode")
TIERS = {"email": 2, "phone": 2, "name_birth_postcode": 3}
COLUMNS = ("reference", "email", "phone", "first_name", "last_name", "birth_date", "postal_code")
LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i",
     "ħ": "h", "ŧ": "t", "ĸ": "k", "ŋ": "n"}
)  # fmt: skip


def email_form(text: str) -> str:
    """Return small letters without blanks around."""
    return text.strip(" \t\r\n").lower()


def phone_form(text: str) -> str:
    """Return + and 8 to 15 digits; ten digits alone are North American."""
    digits = "".join(re.findall(r"[0-9]+", text))
    if len(digits) == 10 and not text.lstrip().startswith("+"):
        digits = "1" + digits
    elif digits.startswith("00"):
        digits = digits[2:]
    return "+" + digits if 8 <= len(digits) <= 15 else ""


def name_form(text: str) -> str:
    """Return small letters and digits of any script, without accents, signs and blanks."""
    lowered = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(sign for sign in lowered if not unicodedata.category(sign).startswith("M"))
    joined = unicodedata.normalize("NFC", plain.lower().translate(LETTERS))
    return re.sub(r"[\W_]+", "", joined)


def postcode_form(text: str) -> str:
    """Return capital letters and digits; of a ZIP+4 the first five."""
    code = re.sub(r"[^A-Z0-9]", "", text.upper())
    return code[:5] if len(code) == 9 and code.isdigit() else code


def birth_form(text: str) -> str:
    """Return YYYY-MM-DD; nothing for what is no date."""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return ""


def normal_form(kind: str, given: dict[str, str]) -> str:
    """Return what is hashed of a customer; nothing where a part is missing."""
    if kind == "email":
        return email_form(given.get("email") or "")
    if kind == "phone":
        return phone_form(given.get("phone") or "")
    parts = (
        name_form(given.get("first_name") or ""),
        name_form(given.get("last_name") or ""),
        birth_form(given.get("birth_date") or ""),
        postcode_form(given.get("postal_code") or ""),
    )
    return "|".join(parts) if all(parts) else ""


def keyed_hash(key: bytes, kind: str, normalised: str) -> str:
    """Return HMAC-SHA256 of kind and normal form, 64 hex digits."""
    return hmac.new(key, f"{kind}:{normalised}".encode(), sha256).hexdigest()


def check(vectors: Path) -> int:
    """Return how many published vectors come out differently here."""
    content = json.loads(vectors.read_text(encoding="utf-8"))
    key, wrong = bytes.fromhex(content["key_hex"]), 0
    if content["normalisation_version"] != NORMALISATION_VERSION:
        raise SystemExit("The vectors are of another version than this script.")
    for vector in content["vectors"]:
        form = normal_form(vector["kind"], vector["given"])
        found = keyed_hash(key, vector["kind"], form) if form else None
        wrong += (form or None, found) != (vector["normalised"], vector["hash"])
    return wrong


def match(ours: Path, customers: Path, key: bytes, key_id: str, out: Path) -> tuple[int, int, int]:
    """Write the matches; return the numbers of customers, of matches and of undecided ones."""
    import duckdb

    connection = duckdb.connect(":memory:")
    cursor = connection.execute(f"from {_reader(customers)}", [str(customers)])
    names = [column[0] for column in cursor.description]
    if "reference" not in names:
        raise SystemExit("The customers' file has no column reference.")
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        hashed = Path(folder) / "hashed.csv"
        with hashed.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("reference", "kind", "hash"))
            while rows := cursor.fetchmany(10_000):
                for row in rows:
                    given = {
                        name: "" if value is None else str(value)
                        for name, value in zip(names, row)  # noqa: B905 - Python 3.9 knows no strict
                        if name in COLUMNS
                    }
                    count += 1
                    for kind in KINDS:
                        form = normal_form(kind, given)
                        if form:
                            writer.writerow((given["reference"], kind, keyed_hash(key, kind, form)))
        tiers = " ".join(f"when '{kind}' then {tier}" for kind, tier in TIERS.items())
        found = connection.execute(
            f"""
            with pairs as (
                select theirs.reference, ours.row_id, min(case ours.kind {tiers} end) as tier
                from {_reader(hashed)} as theirs
                inner join {_reader(ours)} as ours using (kind, hash)
                group by all
            ),
            surest as (
                select * from pairs
                qualify tier = min(tier) over (partition by reference)
            )
            select reference, min(row_id), min(tier), count(*)
            from surest group by reference order by reference
            """,  # noqa: S608 - SQL of our own words; paths are parameters
            [str(hashed), str(ours)],
        ).fetchall()
    decided = [row for row in found if row[3] == 1]
    with out.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("reference", "matched_row_id", "match_tier", "hash_key_id"))
        lines.writerows((reference, row, tier, key_id) for reference, row, tier, _ in decided)
    return count, len(decided), len(found) - len(decided)


def _reader(path: Path) -> str:
    if path.suffix == ".parquet":
        return "read_parquet(?)"
    return "read_csv(?, header = true, all_varchar = true, nullstr = '')"


def main() -> None:
    """Check the vectors, or match two files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", type=Path, help="test_vectors.json")
    parser.add_argument("--ours", type=Path, help="our hashed list, CSV or Parquet")
    parser.add_argument("--customers", type=Path, help="the bank's openings, CSV or Parquet")
    parser.add_argument("--key-file", type=Path, help="the shared key in hexadecimal")
    parser.add_argument("--key-id", help="the key's id, as agreed")
    parser.add_argument("--out", type=Path, help="gets the matches, CSV")
    told = parser.parse_args()
    if told.check:
        wrong = check(told.check)
        _say("All vectors come out the same." if not wrong else f"{wrong} vectors differ.")
        sys.exit(1 if wrong else 0)
    if not all((told.ours, told.customers, told.key_file, told.key_id, told.out)):
        parser.error("give --ours, --customers, --key-file, --key-id and --out, or --check")
    key = bytes.fromhex(told.key_file.read_text().strip())
    count, matched, undecided = match(told.ours, told.customers, key, told.key_id, told.out)
    _say(f"{count} customers, {matched} matches, {undecided} undecided.")


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


if __name__ == "__main__":
    main()
