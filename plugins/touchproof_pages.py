"""touchproof's pages in Airflow's navigation.

Belongs here: registering the app and its link. Doesn't belong here: what the pages show
(touchproof_airflow.pages) and every rule of the business (touchproof).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from touchproof_airflow.pages import build_app

URL_PREFIX = "/touchproof"


class TouchproofPages(AirflowPlugin):
    """Add the page `touchproof`: how the newest night stands."""

    name = "touchproof_pages"
    fastapi_apps = [  # noqa: RUF012 - Airflow reads it from the class
        {"app": build_app(), "url_prefix": URL_PREFIX, "name": "touchproof"}
    ]
    external_views = [  # noqa: RUF012 - Airflow reads it from the class
        {
            "name": "touchproof",
            # Relative, so that it works behind a proxy that serves Airflow under a path.
            "href": "touchproof/",
            "destination": "nav",
            "url_route": "touchproof",
            "nav_top_level": True,
        }
    ]
