{#-
Increments by dirty person: tables of persons' rows that a build rewrites only for the persons whose
inputs have changed. Such a table is an incremental model with the strategy `dirty_persons`; its
select is limited to the persons of int_persons_dirty.

Three models hold it together:

- int_persons_fingerprinted: one number for all that the rows of a person are computed from, the
  project's code included.
- int_persons_dirty: persons whose number isn't the applied one, and those of the last dirty set
  unless it was applied. Vanished persons are in it too: their rows go.
- int_persons_applied: the numbers of the last build in which every incremental table was rewritten,
  with the id of that build.

Why no build, killed anywhere and followed by one with any other data, leaves rows of an older
state. Let a person be settled if she is not in the dirty set, or if int_persons_applied has the dirty
set's build. What holds at every moment: in every table the rows of a settled person are those that
her applied number stands for; nobody who isn't in the dirty set or applied has a row.

1. The dirty set is replaced in one transaction, before any table is touched. Who leaves it was
   settled by int_persons_applied, and her number is the applied one.
2. A table is touched only in a build that has made its dirty set itself (else it stops), and only for
   persons of that set; all of their rows go, also where no new one comes.
3. int_persons_applied is replaced in one transaction, after every table of the same build; a build
   that leaves one out stops there.

A build begins anew, with everybody dirty and every table replaced, where its increments have
nothing to go on from: with `--full-refresh`, where a table is missing or has other columns than its
contract, where one of the sets above is missing, where the code isn't known, and after such a
build that didn't come to its end.
-#}


{#- The incremental tables. -#}
{% macro incremental_models() -%}
    {%- set found = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) -%}
        {%- if node.resource_type == 'model' and node.config.materialized == 'incremental' -%}
            {%- do found.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#-
A table of increments as earlier builds left it; none if it isn't there.

Read without `ref`, which would close a circle: what a build leaves is read by the next one.
-#}
{% macro left_by_earlier_builds(name) -%}
    {%- set relation = none -%}
    {%- if execute -%}
        {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ name] -%}
        {%- set relation = adapter.get_relation(node.database, node.schema, node.alias) -%}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}


{#- Whether a built table has the columns of its model's contract, by name and type. -#}
{% macro has_columns_of_contract(node, relation) -%}
    {%- set built = {} -%}
    {%- for name, type in run_query(
        "select column_name, data_type from information_schema.columns"
        ~ " where table_catalog = '" ~ relation.database ~ "' and table_schema = '"
        ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'"
    ).rows -%}
        {%- do built.update({name | lower: type | lower | replace(' ', '')}) -%}
    {%- endfor -%}
    {%- set declared = {} -%}
    {%- for column in node.columns.values() -%}
        {%- do declared.update({column.name | lower: column.data_type | lower | replace(' ', '')}) -%}
    {%- endfor -%}
    {{ return(built == declared) }}
{%- endmacro %}


{#- Whether this build begins anew. -#}
{% macro increments_begin_anew() -%}
    {%- if not execute or flags.FULL_REFRESH or not var('project_sha256') -%}
        {{ return(true) }}
    {%- endif -%}
    {%- for name in ['int_persons_dirty', 'int_persons_applied'] -%}
        {%- if left_by_earlier_builds(name) is none -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in incremental_models() -%}
        {%- set relation = left_by_earlier_builds(node.name) -%}
        {%- if relation is none or not relation.is_table -%}
            {{ return(true) }}
        {%- elif not has_columns_of_contract(node, relation) -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {%- set begun = run_query(
        'select 1 from ' ~ persons_left_dirty() ~ ' as left_rows where is_begun_anew limit 1'
    ) -%}
    {{ return(begun.rows | length > 0) }}
{%- endmacro %}


{#- Persons with the numbers that were applied last, as a relation. -#}
{% macro persons_applied() -%}
    {%- set applied = left_by_earlier_builds('int_persons_applied') -%}
    (
        {% if applied is not none %}
        select
            person_id,
            fingerprint
        from {{ applied }}
        {% else %}
        select
            cast(null as varchar) as person_id,
            cast(null as ubigint) as fingerprint
        where false
        {% endif %}
    )
{%- endmacro %}


{#- Persons of the last dirty set that no build has applied, as a relation. -#}
{% macro persons_left_dirty() -%}
    {%- set dirty = left_by_earlier_builds('int_persons_dirty') -%}
    {%- set applied = left_by_earlier_builds('int_persons_applied') -%}
    (
        {% if dirty is not none %}
        select
            person_id,
            is_begun_anew
        from {{ dirty }}
        {% if applied is not none %}
        where build_id not in (select applied_rows.build_id from {{ applied }} as applied_rows)
        {% endif %}
        {% else %}
        select
            cast(null as varchar) as person_id,
            cast(null as boolean) as is_begun_anew
        where false
        {% endif %}
    )
{%- endmacro %}


{#- Stop unless this build has made what the current model goes by. -#}
{% macro require_in_this_build(names) -%}
    {%- for name in names if execute -%}
        {%- if 'model.' ~ project_name ~ '.' ~ name not in selected_resources -%}
            {{ exceptions.raise_compiler_error(
                model.name ~ " goes by " ~ name ~ " of the same build: select +" ~ model.name
            ) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- The condition that a build of increments is complete: every incremental table is part of it. -#}
{% macro require_all_increments() -%}
    {{ require_in_this_build(
        ['int_persons_dirty'] + incremental_models() | map(attribute='name') | list
    ) }}
{%- endmacro %}


{#- The strategy: all rows of dirty persons go, their new ones come, in dbt's one transaction. -#}
{% macro get_incremental_dirty_persons_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }}
    where person_id in (
        select dirty.person_id from {{ left_by_earlier_builds('int_persons_dirty') }} as dirty
    );
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}


{#-
Whether a table is replaced as a whole; dbt's own macro, and the same for everything that isn't one of
our increments. Those are replaced in a build that began anew: then everybody is dirty.
-#}
{% macro should_full_refresh() -%}
    {%- if config.get('incremental_strategy') == 'dirty_persons' -%}
        {%- do require_in_this_build(['int_persons_fingerprinted', 'int_persons_dirty']) -%}
        {%- set begun = run_query(
            'select 1 from ' ~ left_by_earlier_builds('int_persons_dirty')
            ~ ' as dirty where is_begun_anew limit 1'
        ) -%}
        {{ return(begun.rows | length > 0) }}
    {%- endif -%}
    {%- set configured = config.get('full_refresh') -%}
    {{ return(flags.FULL_REFRESH if configured is none else configured) }}
{%- endmacro %}
