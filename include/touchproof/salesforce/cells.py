"""Cells: the SQL by which a record's values on both sides are compared, field by field.

Belongs here: a mark of many values at once, and what a cell says by its field's owner and type.
Doesn't belong here: the records and their groups (compare.py), canonical forms (canonical.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from touchproof.salesforce.canonical import CLEAR, clean_sql, form_sql
from touchproof.salesforce.rules import FieldRule

_BITS = 62


@dataclass(frozen=True)
class Mark:
    """Give the expressions that tell, without a look at its cells, that a record says nothing.

    Values are marked by the md5 of them as a JSON array, in which an unknown one has no text at
    all. A field that is filled only if empty is left out of it: it has something to say where
    there is a wish and the acknowledged value may be empty, each a bit.
    """

    rules: Sequence[FieldRule]

    @property
    def desired(self) -> str:
        """Return the mark of the desired values."""
        values = ", ".join(f'"{rule.field}"' for rule in self._owned)
        return f"md5_number(to_json([{values}]::varchar[])::varchar)"

    def acknowledged(self, number: Mapping[str, int]) -> str:
        """Return the mark of the acknowledged values `e`, numbered by field."""
        values = [f"coalesce(e[{number[rule.field]}]::varchar, '')" for rule in self._owned]
        parts = ", ".join(values or ["''"])
        return f"md5_number('[' || concat_ws(',', {parts}) || ']')"

    @property
    def wishes(self) -> str:
        """Return a bit for each wish to fill a field."""
        return _bits(f'"{rule.field}" is not null' for rule in self._filled)

    def emptiness(self, number: Mapping[str, int]) -> str:
        """Return a bit for each acknowledged value of `e` that may be empty: what it begins with.

        No text that begins otherwise has an empty canonical form.
        """
        values = (f"e[{number[rule.field]}]::varchar" for rule in self._filled)
        # Between 32 and 35 are blank, quote and number sign; 92 begins an escape.
        begun = ((one, f"ascii(substr({one}, 2, 1))") for one in values)
        return _bits(
            f"({one} = 'null' or {first} between 32 and 35 or {first} = 92)" for one, first in begun
        )

    @property
    def _owned(self) -> list[FieldRule]:
        return [rule for rule in self.rules if rule.owner != "fill_if_empty"]

    @property
    def _filled(self) -> list[FieldRule]:
        return [rule for rule in self.rules if rule.owner == "fill_if_empty"]


def _bits(conditions: Iterable[str]) -> str:
    # Two fields that share a bit open a record more, never one less.
    bits = [
        f"(case when {condition} then {1 << n % _BITS} else 0 end)"
        for n, condition in enumerate(conditions)
    ]
    return f"({' | '.join(bits) or '0'})::bigint"


@dataclass(frozen=True)
class Cell:
    """Give the expressions of one field, stage by stage.

    Most texts are equal as they stand. Only for the others are the canonical forms made, which
    would be most of the planning's time: equal texts are taken away before. (A branch of `case`
    for the others would do the same in four times the time.)
    """

    rule: FieldRule
    number: int
    desired: str

    @property
    def joined(self) -> str:
        """Return what was asked, what is known, whether both are the same text, and else both."""
        n, wanted = self.number, f'{self.desired}."{self.rule.field}"'
        known = f"coalesce(a.known_{n}, false)"
        is_same = f"({known} and {wanted} is not distinct from a.value_{n})"
        return (
            f", {self.desired}.record is not null as is_asked_{n}, {known} as is_known_{n}"
            f", {is_same} as is_same_{n}"
            f", case when {is_same} then null else {wanted} end as raw_wanted_{n}"
            f", case when {is_same} then null else a.value_{n} end as raw_value_{n}"
        )

    @property
    def cleaned(self) -> str:
        return "".join(
            f", {clean_sql(f'raw_{side}_{self.number}')} as clean_{side}_{self.number}"
            for side in ("wanted", "value")
        )

    @property
    def formed(self) -> str:
        return "".join(
            f", {form_sql(f'clean_{side}_{self.number}', self.rule.type)} as {side}_{self.number}"
            for side in ("wanted", "value")
        )

    @property
    def sent(self) -> str:
        """Return what goes into the cell: NULL leaves the field alone."""
        wanted, value = f"wanted_{self.number}", f"value_{self.number}"
        if self.rule.owner == "fill_if_empty":
            differs = f"is_known_{self.number} and {value} is null and {wanted} is not null"
        elif self.rule.type == "boolean":
            # A checkbox can't be cleared, so an unknown wish leaves it as it is.
            differs = f"{wanted} is not null and {value} is distinct from {wanted}"
        else:
            differs = f"not is_known_{self.number} or {value} is distinct from {wanted}"
        # A record that isn't in Salesforce yet gets what there is; nothing is cleared there.
        return (
            f", case when is_same_{self.number} or not is_asked_{self.number} then null "
            f"when salesforce_id is null and not is_acknowledged then {wanted} "
            f"when {differs} then coalesce({wanted}, '{CLEAR}') end as \"{self.rule.field}\""
        )
