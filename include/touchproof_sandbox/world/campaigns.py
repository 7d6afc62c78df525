"""The campaigns of the pretend world and what each truly causes.

Belongs here: names, tags, audiences, flights, prices and the planted effects. Doesn't belong here:
who is reached on which day (simulation.py) and how the tags are written down (the renderers).
"""

from __future__ import annotations

from dataclasses import dataclass

PRODUCT_LINES = ("savings", "checking", "loan", "transfer")

DIRECT, ORGANIC, REFERRAL = -1, -2, -3
"""Session origins that are no campaign (campaigns are numbered from 0)."""


@dataclass(frozen=True)
class Campaign:
    """Describe one campaign.

    Args:
        code: Our campaign code; it stands in every tag, in the spend files and in the CRM.
        name: What people call it.
        channel: Family: paid_search, paid_social, organic_social, display, list_email,
            cross_sell_email, tv, in_app or push.
        platform: The platform that reports its spend, empty where nothing is paid.
        source: utm_source of its links.
        medium: utm_medium of its links.
        country: `US` or `CA`.
        reach: Clicks a person and day at average affinity (e-mail: share of the audience).
        effect: What one click adds to the daily chance to register or open, before decay.
        cost: Price in dollars of a click (TV: of a day's spots; list: of a thousand sends).
        products: Product lines whose openings it moves besides registrations.
        flight: First and last day index of each period of activity, inclusive; repeats yearly.
    """

    code: str
    name: str
    channel: str
    platform: str
    source: str
    medium: str
    country: str
    reach: float
    effect: float
    cost: float
    products: tuple[str, ...] = PRODUCT_LINES
    flight: tuple[tuple[int, int], ...] = ((0, 364),)

    def runs_on(self, day: int) -> bool:
        """Tell whether the campaign is active on a day index."""
        return any(first <= day % 365 <= last for first, last in self.flight)

    @property
    def currency(self) -> str:
        return "CAD" if self.country == "CA" else "USD"


_S, _C, _L, _T = "savings", "checking", "loan", "transfer"

CAMPAIGNS: tuple[Campaign, ...] = (
    # Brand search catches people who come anyway: large reach, almost no effect.
    Campaign(
        "ps_brand_us",
        "Brand Search US",
        "paid_search",
        "google_ads",
        "google",
        "cpc",
        "US",
        0.0080,
        0.0004,
        0.85,
    ),
    Campaign(
        "ps_savings_us",
        "High-Yield Savings Search US",
        "paid_search",
        "google_ads",
        "google",
        "cpc",
        "US",
        0.0042,
        0.0110,
        3.40,
        (_S, _C),
    ),
    Campaign(
        "ps_loans_us",
        "Personal Loans Search US",
        "paid_search",
        "google_ads",
        "google",
        "cpc",
        "US",
        0.0026,
        0.0120,
        5.10,
        (_L,),
    ),
    Campaign(
        "ps_brand_ca",
        "Brand Search Canada",
        "paid_search",
        "google_ads",
        "google",
        "cpc",
        "CA",
        0.0075,
        0.0004,
        0.90,
    ),
    Campaign(
        "ps_savings_ca",
        "Savings Search Canada",
        "paid_search",
        "google_ads",
        "google",
        "cpc",
        "CA",
        0.0045,
        0.0100,
        3.10,
        (_S, _C),
    ),
    Campaign(
        "so_savings_spring",
        "Spring Savings Carousel",
        "paid_social",
        "meta_ads",
        "facebook",
        "paid_social",
        "US",
        0.0060,
        0.0075,
        1.60,
        (_S,),
        ((0, 70), (100, 190)),
    ),
    Campaign(
        "so_loans_retarget",
        "Loan Calculator Retargeting",
        "paid_social",
        "meta_ads",
        "instagram",
        "paid_social",
        "US",
        0.0030,
        0.0040,
        1.90,
        (_L,),
    ),
    Campaign(
        "so_ca_epargne",
        "Épargne Canada Social",
        "paid_social",
        "meta_ads",
        "facebook",
        "paid_social",
        "CA",
        0.0080,
        0.0070,
        1.50,
        (_S, _T),
    ),
    Campaign(
        "os_instagram_stories",
        "Instagram Money Stories",
        "organic_social",
        "",
        "instagram",
        "social",
        "US",
        0.0032,
        0.0030,
        0.0,
    ),
    Campaign(
        "os_linkedin_newcomers",
        "LinkedIn Newcomer Guides",
        "organic_social",
        "",
        "linkedin",
        "social",
        "CA",
        0.0040,
        0.0035,
        0.0,
    ),
    Campaign(
        "di_prospecting_q2",
        "Display Prospecting Q2",
        "display",
        "display_network",
        "adgrid",
        "display",
        "US",
        0.0065,
        0.0015,
        0.55,
        PRODUCT_LINES,
        ((20, 120), (150, 364)),
    ),
    # Retargeting follows intent and takes the last click, but moves little.
    Campaign(
        "di_retargeting",
        "Display Retargeting",
        "display",
        "display_network",
        "adgrid",
        "display",
        "US",
        0.0045,
        0.0006,
        0.70,
    ),
    Campaign(
        "pl_homeowners_us",
        "Homeowners List Mailing",
        "list_email",
        "list_vendor",
        "listhouse",
        "email",
        "US",
        0.18,
        0.0120,
        42.0,
        (_L, _S),
    ),
    Campaign(
        "pl_graduates_us",
        "Graduates List Mailing",
        "list_email",
        "list_vendor",
        "listhouse",
        "email",
        "US",
        0.10,
        0.0090,
        38.0,
        (_C, _L),
    ),
    Campaign(
        "pl_newcomers_ca",
        "Newcomers to Canada List",
        "list_email",
        "list_vendor",
        "northlists",
        "email",
        "CA",
        0.24,
        0.0130,
        45.0,
        (_T, _C),
    ),
    Campaign(
        "xs_checking_to_savings",
        "Cross-Sell: Checking to Savings",
        "cross_sell_email",
        "",
        "crm",
        "email",
        "US",
        0.5,
        0.0350,
        0.0,
        (_S,),
    ),
    Campaign(
        "xs_savings_to_loan",
        "Cross-Sell: Savings to Loan",
        "cross_sell_email",
        "",
        "crm",
        "email",
        "US",
        0.5,
        0.0300,
        0.0,
        (_L,),
    ),
    Campaign(
        "xs_transfer_ca",
        "Cross-Sell: Fee-Free Transfers",
        "cross_sell_email",
        "",
        "crm",
        "email",
        "CA",
        0.5,
        0.0320,
        0.0,
        (_T,),
    ),
    Campaign(
        "tv_spring_us",
        "Spring TV Flight",
        "tv",
        "tv_agency",
        "tv",
        "qr",
        "US",
        0.0004,
        0.00045,
        2600.0,
        PRODUCT_LINES,
        ((7, 48), (84, 118), (200, 240)),
    ),
    Campaign(
        "tv_hockey_ca",
        "Hockey Night Spots",
        "tv",
        "tv_agency",
        "tv",
        "qr",
        "CA",
        0.0005,
        0.00050,
        900.0,
        PRODUCT_LINES,
        ((30, 105), (210, 300)),
    ),
    Campaign(
        "ia_loan_banner",
        "In-App Loan Banner",
        "in_app",
        "",
        "in_app",
        "in_app",
        "US",
        0.10,
        0.0080,
        0.0,
        (_L,),
    ),
    Campaign(
        "ia_savings_goal",
        "In-App Savings Goal Card",
        "in_app",
        "",
        "in_app",
        "in_app",
        "CA",
        0.12,
        0.0090,
        0.0,
        (_S,),
    ),
    Campaign(
        "pu_payday_us", "Payday Push", "push", "", "push", "push", "US", 0.05, 0.0100, 0.0, (_S, _T)
    ),
    Campaign(
        "pu_rate_ca", "Rate Rise Push", "push", "", "push", "push", "CA", 0.05, 0.0100, 0.0, (_S,)
    ),
)

INDEX: dict[str, int] = {campaign.code: number for number, campaign in enumerate(CAMPAIGNS)}
WEB_CHANNELS = ("paid_search", "paid_social", "organic_social", "display")


def numbers_of(*channels: str) -> tuple[int, ...]:
    """Return the campaign numbers of the given channels."""
    return tuple(n for n, campaign in enumerate(CAMPAIGNS) if campaign.channel in channels)
