CREATE TABLE storage_blobs (
	key VARCHAR(400) NOT NULL,
	owner VARCHAR(128) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	size_bytes BIGINT NOT NULL,
	content_type VARCHAR(32) NOT NULL,
	width_px BIGINT NOT NULL,
	height_px BIGINT NOT NULL,
	PRIMARY KEY (key),
	CONSTRAINT storage_blobs_owner_sha256 UNIQUE (owner, sha256)
);
CREATE TABLE storage_assets (
	id VARCHAR(64) NOT NULL,
	owner VARCHAR(128) NOT NULL,
	blob_key VARCHAR(400) NOT NULL,
	filename VARCHAR(200) NOT NULL,
	source INTEGER NOT NULL,
	job_id VARCHAR(64) NOT NULL,
	epoch BIGINT NOT NULL,
	write_once_key VARCHAR(200),
	create_time_us BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT storage_assets_write_once UNIQUE (owner, write_once_key),
	FOREIGN KEY(blob_key) REFERENCES storage_blobs (key)
);
CREATE INDEX ix_storage_assets_blob_key ON storage_assets (blob_key);
CREATE INDEX storage_assets_job ON storage_assets (job_id);
CREATE INDEX storage_assets_page ON storage_assets (owner, create_time_us, id);
CREATE INDEX storage_assets_page_by_source ON storage_assets (owner, source, create_time_us, id);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/1f8cbe1d65676dfd77e7219f1e16d5cd3c143bc4bc5aebc40f3d3fcf8921a4bc-dab8c667', 'ada', '1f8cbe1d65676dfd77e7219f1e16d5cd3c143bc4bc5aebc40f3d3fcf8921a4bc', 154242, 'image/webp', 128, 128);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/20339a11e712d8f90f61de49bf8a0b9b286657657dbb8b96dbeb390bc381b277-fc75d6e8', 'ada', '20339a11e712d8f90f61de49bf8a0b9b286657657dbb8b96dbeb390bc381b277', 16623, 'video/mp4', 128, 128);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/5f00b10a2091cc0fa7f64b1b814069c662b6df2556e6bae57600143883da51e9-98b065d9', 'ada', '5f00b10a2091cc0fa7f64b1b814069c662b6df2556e6bae57600143883da51e9', 148574, 'image/webp', 128, 128);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/6af568acc2d465405733f27e703e88889724fffa51c3a4cf8359a3f6527b3c7d-861ca944', 'ada', '6af568acc2d465405733f27e703e88889724fffa51c3a4cf8359a3f6527b3c7d', 34236, 'image/png', 256, 256);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/79efa5c3786c8daa76226ccd9c6db806c5467149a26f6c09396980dd367079dd-2da2415c', 'ada', '79efa5c3786c8daa76226ccd9c6db806c5467149a26f6c09396980dd367079dd', 9903, 'image/png', 128, 128);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/ca1047d25cdf0fdf5479f3564cf7fe4f1f58239b560e3c1b3b6de7f719c7cd94-a073bc2e', 'ada', 'ca1047d25cdf0fdf5479f3564cf7fe4f1f58239b560e3c1b3b6de7f719c7cd94', 156462, 'image/webp', 128, 128);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ada/d51a701ce51265306ac3e773c8af7798095c53c3bf9d2765847db7dd84128ccd-ce92a0f7', 'ada', 'd51a701ce51265306ac3e773c8af7798095c53c3bf9d2765847db7dd84128ccd', 27300, 'image/jpeg', 392, 392);
INSERT INTO storage_blobs (key, owner, sha256, size_bytes, content_type, width_px, height_px) VALUES ('ben/106597c8cfc76373d4f60fd2b4b05410b807050d9a9d971bfcb73e460c8c797c-d5414ea2', 'ben', '106597c8cfc76373d4f60fd2b4b05410b807050d9a9d971bfcb73e460c8c797c', 31251, 'image/png', 256, 256);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-144b-7d5b-bb00-a0c6f3985b1e', 'ada', 'ada/6af568acc2d465405733f27e703e88889724fffa51c3a4cf8359a3f6527b3c7d-861ca944', '01a22423-1081-7a62-bb9e-88d49cadc801-0.png', 2, '01a22423-1081-7a62-bb9e-88d49cadc801', 1, 'image/01a22423-1081-7a62-bb9e-88d49cadc801/1/0', 1795902608459661);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-1946-7745-bd21-b04ca08ccc96', 'ben', 'ben/106597c8cfc76373d4f60fd2b4b05410b807050d9a9d971bfcb73e460c8c797c-d5414ea2', '01a22423-1557-78f7-ac49-3f7415f619da-0.png', 2, '01a22423-1557-78f7-ac49-3f7415f619da', 1, 'image/01a22423-1557-78f7-ac49-3f7415f619da/1/0', 1795902609734048);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-219c-7c65-9da1-c72b8cf83efe', 'ada', 'ada/79efa5c3786c8daa76226ccd9c6db806c5467149a26f6c09396980dd367079dd-2da2415c', '01a22423-197e-7367-8bdc-555eb9766745-poster.png', 2, '01a22423-197e-7367-8bdc-555eb9766745', 1, 'video/01a22423-197e-7367-8bdc-555eb9766745/1/poster', 1795902611868534);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-21ad-7c8f-90ec-3873a39b4866', 'ada', 'ada/d51a701ce51265306ac3e773c8af7798095c53c3bf9d2765847db7dd84128ccd-ce92a0f7', '01a22423-197e-7367-8bdc-555eb9766745-contact-sheet.jpeg', 2, '01a22423-197e-7367-8bdc-555eb9766745', 1, 'video/01a22423-197e-7367-8bdc-555eb9766745/1/contact-sheet', 1795902611885620);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-21bf-70de-b551-440f31f11450', 'ada', 'ada/5f00b10a2091cc0fa7f64b1b814069c662b6df2556e6bae57600143883da51e9-98b065d9', '01a22423-197e-7367-8bdc-555eb9766745-frames-0.webp', 2, '01a22423-197e-7367-8bdc-555eb9766745', 1, 'video/01a22423-197e-7367-8bdc-555eb9766745/1/frames-0', 1795902611903219);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-21c9-7761-a165-6a213d280ed6', 'ada', 'ada/20339a11e712d8f90f61de49bf8a0b9b286657657dbb8b96dbeb390bc381b277-fc75d6e8', '01a22423-197e-7367-8bdc-555eb9766745-clip.mp4', 2, '01a22423-197e-7367-8bdc-555eb9766745', 1, 'video/01a22423-197e-7367-8bdc-555eb9766745/1/clip', 1795902611913763);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-2562-780f-a89d-f7d2d74d02fb', 'ada', 'ada/6af568acc2d465405733f27e703e88889724fffa51c3a4cf8359a3f6527b3c7d-861ca944', 'own.png', 1, '', 0, NULL, 1795902612834290);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-4009-75c5-8d10-17a95c33c3e0', 'ada', 'ada/1f8cbe1d65676dfd77e7219f1e16d5cd3c143bc4bc5aebc40f3d3fcf8921a4bc-dab8c667', '01a22423-2d66-754d-a736-1e5d71809351-frames-0.webp', 2, '01a22423-2d66-754d-a736-1e5d71809351', 1, 'video/01a22423-2d66-754d-a736-1e5d71809351/1/frames-0', 1795902619657432);
INSERT INTO storage_assets (id, owner, blob_key, filename, source, job_id, epoch, write_once_key, create_time_us) VALUES ('01a22423-434c-7b06-bba4-d8a50d1d1ca0', 'ada', 'ada/ca1047d25cdf0fdf5479f3564cf7fe4f1f58239b560e3c1b3b6de7f719c7cd94-a073bc2e', '01a22423-2d66-754d-a736-1e5d71809351-frames-16.webp', 2, '01a22423-2d66-754d-a736-1e5d71809351', 1, 'video/01a22423-2d66-754d-a736-1e5d71809351/1/frames-16', 1795902620492308);
