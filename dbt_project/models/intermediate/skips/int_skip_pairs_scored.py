"""How alike openings and persons are: the certain pairs, and likely ones where none is certain."""

from touchproof.skips.matching import score_candidates


def model(dbt, session):
    dbt.config(materialized="table")
    return score_candidates(
        openings=dbt.ref("int_skip_openings_described").to_arrow_table(),
        people=dbt.ref("int_skip_people_described").to_arrow_table(),
        emails=dbt.ref("int_person_identifiers")
        .filter("identifier_type = 'email'")
        .project("person_id")
        .to_arrow_table(),
        certain_pairs=dbt.ref("int_skip_pairs_certain").to_arrow_table(),
        nicknames=dbt.ref("nicknames").to_arrow_table(),
    )
