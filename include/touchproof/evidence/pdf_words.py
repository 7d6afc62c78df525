"""The fixed words of `evidence.pdf`, for lawyers: what is claimed, how, and what can't be proved.

Belongs here: text alone, marked up for reportlab. Doesn't belong here: anything that depends on a
pack.
"""

from __future__ import annotations

READING = (
    "We contacted each of these customers before they opened a product at the bank, and the terms "
    "between us make the bank owe a fixed fee for that. This document says by which terms, how the "
    "customers were recognised, and shows for each claim which contacts came before the opening. "
    "The bank finds its own customer by its own reference; we name no person."
)
VERIFYING = (
    "The pack's figures are in claims.csv, touches.csv and adjustments.csv; summary.xlsx and this "
    "document show the same. manifest.json lists every file with its SHA-256 and names the hash of "
    "the pack before, so that no pack can be changed, added or left out unnoticed; manifest.sig is "
    "the Ed25519 signature over it. <i>touchproof evidence verify</i> checks all of it with the "
    "public keys alone."
)
CONTACT = (
    "A <b>qualifying contact</b> is something that the person did in answer to us: a click, a scan "
    "of a code, a visit, a form sent, a reply. It belongs to a campaign of ours or is a form sent "
    "to us, it lies before the opening and inside the window, and it was recorded before the "
    "bank's file arrived. Messages sent, advertisements displayed and clicks of automatic mail "
    "scanners don't count, nor does what people say later about how they found us."
)
METHOD = (
    "The bank reports each opening with its own reference. Each is compared with the people whom "
    "we know; the surest method that matches decides, and what is less certain than the terms ask "
    "for is looked at by a person before it is claimed.",
    "Each contact is a row that a source system sent us. The file that it came in was kept "
    "unchanged under the hash of its content, with the time of its arrival; touches.csv names "
    "batch and time for each contact. A contact that arrived after the bank's own file is not "
    "used without a review, so nothing can be dated back.",
)
LIMITS = (
    "That a contact caused an opening. The terms ask for a contact inside the window, not for a "
    "cause; other things may have moved the customer too.",
    "That a source system recorded the truth. We prove what it sent us, when, and that it wasn't "
    "changed since; its own clock and its own records are its own.",
    "That a device was in the hands of its owner. Clicks and visits are ascribed to a person by an "
    "address, a login or a token; somebody else may have used them.",
    "That two records are one person beyond doubt. The methods above say how sure each match is; a "
    "match by name, date of birth and postcode can in rare cases join two people.",
    "What happened before our records begin, or in channels that we can't record, such as a "
    "conversation or an unopened letter.",
    "The moment of an opening that the bank reports as a date only. It counts as the start of that "
    "day in the business time zone, which is to the bank's advantage.",
    "That the signing key was used by the right person. The signature proves which key signed; the "
    "bank's countersignature or an outside time stamp of a pack's hash binds us as well.",
)
GLOSSARY = (
    ("Adjustment", "a correction, in a later pack, of a fact that an earlier pack told"),
    ("Batch", "the content of one arrival from a source system, named by its SHA-256"),
    ("Chain", "all packs of one bank, numbered without a gap, each naming the hash before it"),
    ("Claim", "one opening put to one bank for one fee"),
    (
        "Countersignature",
        "the bank's own signature over a manifest; it fixes the chain so far",
    ),
    ("Head", "the hash of the newest pack's manifest; it stands for the whole chain"),
    ("Manifest", "the list of a pack's files with hashes, totals and origin; it is what is signed"),
    ("Opening", "a product that a customer opened directly at the bank, as the bank reports it"),
    ("Pack id", "a hash of the pack's lines, printed on every page and sheet"),
    ("Qualifying contact", "a contact that counts under the terms; see there"),
    ("Source event", "a source system's record of a contact, shown by a pseudonym"),
    ("Window", "the days before an opening in which a contact must lie"),
)
