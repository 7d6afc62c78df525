{#-
Whether the terms let a contact count: its interaction is among those that they name, and they don't
exclude its channel. Where no terms cover an opening, every contact counts (and the rule `no_terms`
refuses it).

Args: the relations that have `interaction` and `channel`, and the terms' columns.
-#}
{% macro contact_qualifies(contacts, terms) -%}
    (
        {{ terms }}.qualifying_interactions is null
        or {{ is_listed(terms ~ '.qualifying_interactions', contacts ~ '.interaction') }}
    )
    and not coalesce(
        {{ is_listed(terms ~ '.excluded_channels', contacts ~ '.channel') }}, false
    )
{%- endmacro %}
