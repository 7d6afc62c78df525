"""Group identifiers that links connect; each group is one person."""

from touchproof.identity.components import connected_components


def model(dbt, session):
    dbt.config(materialized="table")
    identifiers = dbt.ref("int_identifiers_collected").project("identifier_key")
    edges = (
        dbt.ref("int_identity_edges")
        .filter("is_linking")
        .project("left_identifier, right_identifier")
    )
    return connected_components(identifiers.to_arrow_table(), edges.to_arrow_table())
