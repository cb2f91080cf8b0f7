CREATE TABLE signing_keys (
	generation INTEGER NOT NULL,
	kid VARCHAR(64) NOT NULL,
	private BYTEA NOT NULL,
	create_us BIGINT NOT NULL,
	PRIMARY KEY (generation),
	UNIQUE (kid)
);
CREATE TABLE users (
	id VARCHAR(64) NOT NULL,
	create_us BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE api_keys (
	id VARCHAR(32) NOT NULL,
	user_id VARCHAR(64) NOT NULL,
	display_name VARCHAR(100) NOT NULL,
	admin BOOLEAN NOT NULL,
	digest BYTEA NOT NULL,
	create_us BIGINT NOT NULL,
	expire_us BIGINT,
	last_use_us BIGINT,
	revoke_us BIGINT,
	PRIMARY KEY (id),
	FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE INDEX api_keys_of_user ON api_keys (user_id, create_us, id);
CREATE TABLE api_key_scopes (
	key_id VARCHAR(32) NOT NULL,
	scopes VARCHAR(200) NOT NULL,
	PRIMARY KEY (key_id),
	FOREIGN KEY(key_id) REFERENCES api_keys (id)
);
INSERT INTO signing_keys (generation, kid, private, create_us) VALUES (1, 'tCxeDw-_ZTK_rR0d0SC3nTopXFtD8CaiFuimogoVw7o', '\x00b94e50bf29408aa044fe3842bb807cfdc551026a942831babb6d324dfde20e6d', 1795902596339369);
INSERT INTO users (id, create_us) VALUES ('ada', 1795902607216006);
INSERT INTO users (id, create_us) VALUES ('ben', 1795902607238924);
INSERT INTO users (id, create_us) VALUES ('dev', 1795902596393789);
INSERT INTO api_keys (id, user_id, display_name, admin, digest, create_us, expire_us, last_use_us, revoke_us) VALUES ('eh6userqr7hkacrd', 'ben', 'key of ben', false, '\x7bff8cd17681cd955082f9fa26cf450fa67653c7353b04e3bad330675b91a51b', 1795902607238924, NULL, 1795902600000000, NULL);
INSERT INTO api_keys (id, user_id, display_name, admin, digest, create_us, expire_us, last_use_us, revoke_us) VALUES ('ey546quhoki1aa3m', 'ada', 'key of ada', false, '\x96017f917c1ca15f9af15759dda21fad0b68314641962a33fb7c8137639cbfe0', 1795902607254582, NULL, NULL, NULL);
INSERT INTO api_keys (id, user_id, display_name, admin, digest, create_us, expire_us, last_use_us, revoke_us) VALUES ('gsapo7f1f2pp', 'dev', 'development key', true, '\x5616077f8c730239f29e4498acca3abbb1ddd18a77f6543c8ce56d2da6bf7572', 1795902596393789, NULL, 1795902600000000, NULL);
INSERT INTO api_keys (id, user_id, display_name, admin, digest, create_us, expire_us, last_use_us, revoke_us) VALUES ('ip6bk2c53qwg1xot', 'ben', 'key of ben', false, '\x8f665dd6b66ed66c7b17bcfe95fe353def330220895bbed2fa9e7b3f9199af1c', 1795902607270330, NULL, NULL, 1795902607341332);
INSERT INTO api_keys (id, user_id, display_name, admin, digest, create_us, expire_us, last_use_us, revoke_us) VALUES ('t8pi8ayz9f6p6ee0', 'ada', 'key of ada', false, '\xf4664c1af1f6b5c07686ffe8cb1c017ccf5c349b0abde089e96ab739076e6818', 1795902607216006, NULL, 1795902600000000, NULL);
INSERT INTO api_key_scopes (key_id, scopes) VALUES ('ey546quhoki1aa3m', 'read');
