"""Evidence packs: the files that prove a bank's claims, made once and never changed."""
