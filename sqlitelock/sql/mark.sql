INSERT OR REPLACE INTO mark (holder, until) VALUES (?1, ?2)
