{{ credits_booked_by('channel') }}
