-- A deletion that was carried out but for pieces that cannot be read: it stays, for they may come back.
ALTER TABLE log_deletion ADD COLUMN held boolean NOT NULL DEFAULT false;
