"""From whatever a user has to named columns of rows: read, checked, labelled and split."""
