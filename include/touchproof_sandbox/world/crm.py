"""The pretend company's CRM: which records its users and forms make, day by day.

Belongs here: leads (with duplicates and comments in the wrong field), contacts, accounts,
opportunities and campaign members that follow from the days. Doesn't belong here: the fields
(crm_records.py), the server (touchproof_sandbox.salesforce) and what touchproof pushes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from touchproof_sandbox.world import calendar
from touchproof_sandbox.world.campaigns import CAMPAIGNS, PRODUCT_LINES, numbers_of
from touchproof_sandbox.world.crm_records import OBJECTS, PREFIXES, Record, new_record
from touchproof_sandbox.world.flat_files import lead_source
from touchproof_sandbox.world.people import People
from touchproof_sandbox.world.randomness import salesforce_id, stream
from touchproof_sandbox.world.records import Day, FormLead, LedgerEntry, Registration

_TYPES = {
    "paid_search": "Search", "paid_social": "Social", "organic_social": "Social",
    "display": "Banner Ads", "list_email": "Email", "cross_sell_email": "Email",
    "tv": "Advertisement", "in_app": "Other", "push": "Other",
}  # fmt: skip
_LISTED_SHARE, _REGISTERED_SHARE, _CUSTOMER_SHARE = 0.6, 0.35, 0.6
_DUPLICATE_SHARE = 0.06


@dataclass(frozen=True)
class CrmChange:
    """Describe one creation (whole record) or update (Id and changed fields)."""

    op: str
    object: str
    record: Record


class Crm:
    """Keep the CRM as the company's own people and forms leave it.

    Args:
        seed: The world's seed.
        people: The people of the same seed.
    """

    def __init__(self, seed: int, people: People) -> None:
        self._seed = seed
        self._people = people
        self.records: dict[str, dict[str, Record]] = {name: {} for name in OBJECTS}
        self.leads_of: dict[int, list[str]] = {}
        self.contact_of: dict[int, str] = {}
        self._campaign_ids: list[str] = []
        self._members: dict[tuple[int, str], str] = {}
        self._changes: list[CrmChange] = []
        self._found_the_crm()

    def live(self, day: Day) -> list[CrmChange]:
        """Take in one day and return what changed, in order."""
        self._changes = []
        draws = stream(self._seed, "crm", day.day)
        for form in day.forms:
            self._take_form(form, draws)
        for registration in day.registrations:
            self._take_registration(registration, draws)
        for entry in day.ledger:
            if entry.entry_type == "opening":
                self._take_opening(entry, draws)
        self._note_responses(day)
        self._edit_by_hand(day.day, draws)
        return self._changes

    def _found_the_crm(self) -> None:
        """Make what existed before the first day: campaigns, banks and imported lists."""
        before = calendar.epoch_of(0) - 30 * calendar.DAY_SECONDS
        for campaign in CAMPAIGNS:
            first, last = campaign.flight[0][0], campaign.flight[-1][1]
            self._campaign_ids.append(
                self._create(
                    "Campaign",
                    before,
                    Name=campaign.name,
                    Campaign_Code__c=campaign.code,
                    Type=_TYPES[campaign.channel],
                    Status="In Progress",
                    StartDate=calendar.date_of(first).isoformat(),
                    EndDate=calendar.date_of(last).isoformat(),
                    BudgetedCost=float(round(campaign.cost * 1000)),
                )
            )
        for name, country in (("Northlake Bank", "US"), ("Banque Maple", "CA")):
            self._create("Account", before, Name=name, Type="Partner", BillingCountry=country)
        people, rng = self._people, stream(self._seed, "crm-lists")
        draws = rng.random(people.count)
        sources = rng.integers(0, 3, people.count)
        opted = rng.random(people.count) < 0.01
        for number in numbers_of("list_email"):
            for person in np.flatnonzero(people.list_member[number] & (draws < _LISTED_SHARE)):
                who = int(person)
                at = before + (who * 577) % (25 * calendar.DAY_SECONDS)
                if who not in self.leads_of:
                    self._create_lead(
                        who,
                        at,
                        people.emails[people.list_address[who]][who],
                        LeadSource=("Purchased List", "purchased list", None)[sources[who]],
                        HasOptedOutOfEmail=bool(opted[who]),
                    )
                lead = self.leads_of[who][0]
                self._members[number, lead] = self._create(
                    "CampaignMember",
                    at + 60,
                    CampaignId=self._campaign_ids[number],
                    LeadId=lead,
                    Status="Sent",
                )

    def _take_form(self, form: FormLead, rng: np.random.Generator) -> None:
        if form.is_ours:
            return
        draw = int(rng.integers(0, 100_000))
        says_tv = form.remembers_tv and draw % 3 > 0
        source = "" if says_tv else lead_source(form.origin, draw)
        address = self._people.emails[0][form.person]
        values = {
            "LeadSource": source or None,
            "Description": ("TV ad", "tv ad", "Saw the TV ad")[draw % 3] if says_tv else None,
        }
        self._create_lead(form.person, form.at + 5, address, **values)
        if rng.random() < _DUPLICATE_SHARE:
            self._create_lead(form.person, form.at + 600, address.upper(), **values)

    def _take_registration(self, event: Registration, rng: np.random.Generator) -> None:
        draw = int(rng.integers(0, 100_000))
        if event.person in self.leads_of or rng.random() >= _REGISTERED_SHARE:
            return
        address = self._people.emails[self._people.app_address[event.person]][event.person]
        source = lead_source(event.last_campaign, draw)
        self._create_lead(event.person, event.at + 30, address, LeadSource=source or None)

    def _take_opening(self, entry: LedgerEntry, rng: np.random.Generator) -> None:
        person, people = entry.person, self._people
        chosen, has_user, credits = rng.random(3)
        at = entry.at + 90
        if person not in self.contact_of:
            if chosen >= _CUSTOMER_SHARE:
                return
            self._convert(person, at, has_user < 0.6)
        contact = self.records["Contact"][self.contact_of[person]]
        mine = [n for n in numbers_of("cross_sell_email", "list_email")
                if CAMPAIGNS[n].country == people.country(person)]  # fmt: skip
        self._create(
            "Opportunity",
            at + 5,
            AccountId=contact["AccountId"],
            ContactId__c=contact["Id"],
            Name=f"{PRODUCT_LINES[entry.product].title()} {entry.account_id[-6:]}",
            StageName="Closed Won",
            CloseDate=calendar.iso_utc(entry.at)[:10],
            CampaignId=self._campaign_ids[mine[0]] if credits < 0.1 else None,
            App_Account_Id__c=entry.account_id,
        )

    def _convert(self, person: int, at: int, has_app_user: bool) -> None:
        people = self._people
        account = self._create(
            "Account",
            at,
            Name=f"{people.last_names[person]} household",
            Type="Customer",
            BillingCountry=people.country(person),
            BillingPostalCode=people.postal_codes[person],
        )
        leads = self.leads_of.get(person, [])
        contact = self._create(
            "Contact",
            at + 1,
            AccountId=account,
            FirstName=people.first_names[person],
            LastName=people.last_names[person],
            Email=people.emails[people.app_address[person]][person],
            Phone=people.phones[person],
            Birthdate=people.birth_dates[person].isoformat(),
            MailingPostalCode=people.postal_codes[person],
            HasOptedOutOfEmail=any(
                self.records["Lead"][lead]["HasOptedOutOfEmail"] for lead in leads
            ),
            App_User_Id__c=people.app_users[person] if has_app_user else None,
        )
        self.contact_of[person] = contact
        for lead in leads[:1]:
            self._update(
                "Lead",
                lead,
                at + 2,
                IsConverted=True,
                ConvertedContactId=contact,
                Status="Closed - Converted",
            )

    def _note_responses(self, day: Day) -> None:
        mails = day.mails
        for index in np.flatnonzero(mails.clicked > 0):
            number, person = int(mails.campaign[index]), int(mails.person[index])
            for lead in self.leads_of.get(person, [])[:1]:
                member = self._members.get((number, lead))
                if member and self.records["CampaignMember"][member]["Status"] == "Sent":
                    at = int(mails.clicked[index]) + 60
                    self._update("CampaignMember", member, at, Status="Responded")

    def _edit_by_hand(self, day: int, rng: np.random.Generator) -> None:
        """Let CRM users work on a few open leads and note opt-outs told on the phone."""
        leads = self.records["Lead"]
        names = list(leads)
        count = int(rng.binomial(len(names), 0.002))
        at = calendar.epoch_of(day) + 15 * 3600
        for turn, position in enumerate(rng.integers(0, max(len(names), 1), count).tolist()):
            lead = leads[names[position]]
            if lead["IsConverted"]:
                continue
            if turn % 4 == 0 and not lead["HasOptedOutOfEmail"]:
                self._update("Lead", names[position], at + turn * 60, HasOptedOutOfEmail=True)
            elif lead["Status"] == "Open - Not Contacted":
                self._update("Lead", names[position], at + turn * 60, Status="Working - Contacted")

    def _create_lead(self, person: int, at: int, email: str, **values: Any) -> None:
        people = self._people
        nameless = person % 61 == 0
        lead = self._create(
            "Lead",
            at,
            FirstName=None if nameless else people.first_names[person],
            LastName=people.last_names[person],
            Email=email,
            Phone=None if person % 4 == 0 else people.phones[person],
            Company=f"{people.last_names[person]} household",
            Status="Open - Not Contacted",
            Country=people.country(person),
            PostalCode=None if person % 7 == 0 else people.postal_codes[person],
            **values,
        )
        self.leads_of.setdefault(person, []).append(lead)

    def _create(self, name: str, at: int, **values: Any) -> str:
        identifier = salesforce_id(PREFIXES[name], len(self.records[name]) + 1)
        moment = calendar.iso_salesforce(at)
        record = new_record(
            name, Id=identifier, CreatedDate=moment, SystemModstamp=moment, **values
        )
        self.records[name][identifier] = record
        self._changes.append(CrmChange("create", name, dict(record)))
        return identifier

    def _update(self, name: str, identifier: str, at: int, **values: Any) -> None:
        values["SystemModstamp"] = calendar.iso_salesforce(at)
        self.records[name][identifier].update(values)
        self._changes.append(CrmChange("update", name, {"Id": identifier, **values}))
