{{ credits_booked_by('campaign_id') }}
