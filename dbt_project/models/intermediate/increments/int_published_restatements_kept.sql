-- What earlier nights restated, as the last published one shows it.
select * from {{ published_rows('mart_attribution_restatements', restatement_columns()) }}
    as published_restatements
