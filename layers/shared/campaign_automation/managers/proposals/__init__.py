"""Plans that wait for a person: made, decided and carried out."""
