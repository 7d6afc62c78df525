"""Metadata folder, field seed and loopback org name the same fields, no more and no less."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from touchproof.salesforce.rules import INSERTED
from touchproof.settings import PROJECT_ROOT
from touchproof.sources.salesforce import FIELDS
from touchproof.sources.salesforce import OBJECTS as EXTRACTED
from touchproof_sandbox.salesforce.schema import API_VERSION, OBJECTS

FOLDER = PROJECT_ROOT / "salesforce_metadata"
SOURCE = FOLDER / "force-app" / "main" / "default"
SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "salesforce" / "salesforce_fields.csv"
OURS = "Touchproof_"
TYPES = {
    "Text": ("string", "text"),
    "Number": ("double", "number"),
    "Currency": ("currency", "number"),
    "Date": ("date", "date"),
    "Lookup": ("reference", "text"),
}
COMPOUND = {
    "Lead.Address": {"Lead.Country", "Lead.PostalCode"},
    "Contact.MailingAddress": {"Contact.MailingPostalCode"},
    "Account.BillingAddress": {"Account.BillingCountry"},
}
"""Rights on parts of an address are given for the whole of it."""


class Xml:
    """Read one metadata file; names without their namespace."""

    def __init__(self, path: Path) -> None:
        self.root = ElementTree.parse(path).getroot()  # noqa: S314  files of ours

    def texts(self, path: str) -> list[str]:
        return [str(found.text) for found in self.root.findall(path, _NAMESPACE)]

    def text(self, name: str) -> str | None:
        found = self.texts(name)
        assert len(found) <= 1, name
        return found[0] if found else None

    def parts(self, name: str) -> Iterator[dict[str, str]]:
        for part in self.root.findall(name, _NAMESPACE):
            yield {child.tag.rpartition("}")[2]: str(child.text) for child in part}


_NAMESPACE = {"": "http://soap.sforce.com/2006/04/metadata"}


def seed() -> dict[tuple[str, str], dict[str, str]]:
    with SEED.open() as lines:
        return {(row["object"], row["field"]): row for row in csv.DictReader(lines)}


def declared() -> dict[tuple[str, str], Xml]:
    found = {}
    for path in SOURCE.glob("objects/*/fields/*.field-meta.xml"):
        name = path.name.removesuffix(".field-meta.xml")
        found[path.parts[-3], name] = Xml(path)
        assert found[path.parts[-3], name].text("fullName") == name
    return found


def is_ours(object_name: str, field: str) -> bool:
    return field.endswith("__c") and (field.startswith(OURS) or object_name.startswith(OURS))


def test_folder_seed_and_loopback_org_name_the_same_custom_fields() -> None:
    in_seed = {key for key in seed() if is_ours(*key)}
    in_org = {
        (name, field.name)
        for name, sobject in OBJECTS.items()
        for field in sobject.fields
        if is_ours(name, field.name)
    }
    assert set(declared()) == in_seed == in_org
    custom = {key for key in seed() if key[1].endswith("__c")}
    assert custom == in_seed, "the seed writes a custom field that isn't ours"


@pytest.mark.parametrize("key", sorted(declared()), ids=".".join)
def test_a_field_is_declared_as_the_loopback_org_has_it(key: tuple[str, str]) -> None:
    file, field, row = declared()[key], OBJECTS[key[0]].by_name[key[1]], seed()[key]
    assert (field.type, row["type"]) == TYPES[file.text("type") or ""]
    assert file.text("length") == (str(field.length) if field.type == "string" else None)
    scale = str(field.scale) if field.type in ("double", "currency") else None
    assert file.text("scale") == scale
    assert file.text("externalId") == str(field.external_id).lower()
    assert (file.text("unique") == "true") == field.unique
    assert (file.text("referenceTo"), row["refers_to"]) == (field.refers_to, field.refers_to or "")
    assert file.text("required") == str(field.required).lower() == "false"


def test_nothing_tracks_its_history() -> None:
    for xml in declared().values():
        assert xml.text("trackHistory") in (None, "false")
    made = [Xml(path) for path in SOURCE.glob("objects/*/*.object-meta.xml")]
    assert [xml.text("enableHistory") for xml in made] == ["false"] * 2


def test_each_field_that_the_seed_writes_is_one_that_the_org_lets_us_write() -> None:
    for (name, field_name), row in seed().items():
        field = OBJECTS[name].by_name[field_name]
        assert field.writable or row["owner"] == "crm", f"{name}.{field_name}"


def test_the_manifest_lists_every_file_and_nothing_else() -> None:
    manifest = Xml(FOLDER / "manifest" / "package.xml")
    listed = {
        kind: set(members)
        for kind, members in (
            (
                part.findtext("name", "", _NAMESPACE),
                [m.text for m in part.findall("members", _NAMESPACE)],
            )
            for part in manifest.root.findall("types", _NAMESPACE)
        )
    }
    assert listed == {
        "CustomField": {".".join(key) for key in declared()},
        "CustomObject": {path.parent.name for path in SOURCE.glob("objects/*/*.object-meta.xml")},
        "PermissionSet": {
            path.name.removesuffix(".permissionset-meta.xml")
            for path in SOURCE.glob("permissionsets/*.permissionset-meta.xml")
        },
    }
    assert manifest.text("version") == API_VERSION


def push_rights() -> Xml:
    return Xml(SOURCE / "permissionsets" / "Touchproof_Push.permissionset-meta.xml")


def test_the_integration_user_may_write_what_the_seed_writes_and_no_other_field() -> None:
    fields = {part["field"]: part["editable"] for part in push_rights().parts("fieldPermissions")}
    written = {".".join(key) for key, row in seed().items() if row["owner"] != "crm"}
    editable = {name for name, value in fields.items() if value == "true"}
    assert editable <= written
    assert {name for name in written if name.endswith("__c")} <= editable
    # What isn't given is what Salesforce gives with the object: required fields and names.
    assert {name.partition(".")[2] for name in written - editable} <= {
        "FirstName", "LastName", "Company", "CampaignId", "LeadId", "ContactId", "Status",
        "Label", "HasResponded",
    }  # fmt: skip


def test_the_integration_user_may_read_what_is_written_or_extracted_and_no_other_field() -> None:
    read = {f"{EXTRACTED[entity]}.{name}" for entity, names in FIELDS.items() for name in names}
    known = read | {".".join(key) for key in seed()}
    for part in push_rights().parts("fieldPermissions"):
        assert part["readable"] == "true"
        assert COMPOUND.get(part["field"], {part["field"]}) <= known


def test_the_integration_user_has_the_objects_that_it_needs_and_deletes_nothing() -> None:
    rows = seed().values()
    created = {row["object"] for row in rows if row["object"].startswith(OURS)} | {"Lead"}
    edited = {row["object"] for row in rows} - set(INSERTED) - {"CampaignMember"}  # by Campaign
    needed = {
        name: ("true" if name in created else "false", "true" if name in edited else "false")
        for name in edited | {"Account"}
    }
    rights = list(push_rights().parts("objectPermissions"))
    assert {p["object"]: (p["allowCreate"], p["allowEdit"]) for p in rights} == needed
    for part in rights:
        refused = (part["allowDelete"], part["viewAllRecords"], part["modifyAllRecords"])
        assert refused == ("false", "false", "false")
    assert push_rights().texts("userPermissions/name") == ["ApiEnabled"]
