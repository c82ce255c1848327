#!/usr/bin/python3
"""Prepares and inspects buckets of a test server with boto3, a client that shares no code with hikae.

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… tests/servers/s3.py ENDPOINT VERB BUCKET [ARGUMENT…]

    make BUCKET [lock|versions]     creates it; `lock`: with Object Lock (and so with versions)
    allow BUCKET USER ACTION,…      a policy that lets another user of the Ceph server do this (s3:GetObject, s3:PutObject,
                                    s3:ListBucket …); several triples may follow each other
    default-lock BUCKET MODE DAYS   a default retention
    put BUCKET KEY FILE             stores an object
    get BUCKET KEY                  writes an object to standard output
    list BUCKET [PREFIX]            a line "SIZE KEY" each
    versions BUCKET [PREFIX]        a line "KEY VERSION latest|older object|marker SIZE" each
    uploads BUCKET                  unfinished uploads: a line "KEY ID" each
    start-upload BUCKET KEY         begins an upload that nobody finishes; prints its id
    put-marker BUCKET KEY           a delete marker on top
    delete BUCKET KEY [VERSION]     deletes; exit 1 and the error's code if it is refused
    retention BUCKET KEY [VERSION]  "MODE UNTIL"
    retentions BUCKET [PREFIX]      the same of every object, a line each
    fill BUCKET PREFIX COUNT        that many objects of one byte, PREFIX000000 and so on
    empty BUCKET                    removes every object, version, marker and upload that can be removed
    token BUCKET SECONDS            session credentials of Ceph's owner from STS, as shell variables (BUCKET is not looked at)
"""

import base64
import concurrent.futures
import datetime
import email.utils
import hmac
import http.client
import json
import os
import re
import sys
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def client(endpoint, service="s3"):
    config = botocore.config.Config(
        s3={"addressing_style": "path"}, max_pool_connections=16, retries={"max_attempts": 2}, proxies={}
    )
    return boto3.client(
        service, endpoint_url=endpoint, region_name=os.environ.get("AWS_REGION", "us-east-1"), config=config,
        verify=os.environ.get("AWS_CA_BUNDLE", True),
    )


def make(s3, bucket, kind=""):
    if kind not in ("", "lock", "versions"):
        raise SystemExit(__doc__)
    s3.create_bucket(Bucket=bucket, **({"ObjectLockEnabledForBucket": True} if kind == "lock" else {}))
    if kind == "versions":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def allow(s3, bucket, *words):
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]},
            "Action": actions.split(","),
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        for user, actions in zip(words[::2], words[1::2], strict=True)
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def default_lock(s3, bucket, mode, days):
    rule = {"DefaultRetention": {"Mode": mode.upper(), "Days": int(days)}}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )


def put(s3, bucket, key, path):
    with open(path, "rb") as file:
        s3.put_object(Bucket=bucket, Key=key, Body=file.read())


def get(s3, bucket, key):
    sys.stdout.buffer.write(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def pages(s3, verb, **arguments):
    return s3.get_paginator(verb).paginate(**arguments)


def listing(s3, bucket, prefix=""):
    for page in pages(s3, "list_objects_v2", Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            print(entry["Size"], entry["Key"])


def all_versions(s3, bucket, prefix=""):
    for page in pages(s3, "list_object_versions", Bucket=bucket, Prefix=prefix):
        for entry in page.get("Versions", []):
            yield entry, "object"
        for entry in page.get("DeleteMarkers", []):
            yield entry, "marker"


def versions(s3, bucket, prefix=""):
    for entry, kind in all_versions(s3, bucket, prefix):
        latest = "latest" if entry["IsLatest"] else "older"
        print(entry["Key"], entry["VersionId"], latest, kind, entry.get("Size", 0))


def all_uploads(s3, bucket):
    for page in pages(s3, "list_multipart_uploads", Bucket=bucket):
        yield from page.get("Uploads", [])


def uploads(s3, bucket):
    for entry in all_uploads(s3, bucket):
        print(entry["Key"], entry["UploadId"])


def start_upload(s3, bucket, key):
    print(s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])


def put_marker(s3, bucket, key):
    s3.delete_object(Bucket=bucket, Key=key)


def delete(s3, bucket, key, version=None):
    s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))


def retention(s3, bucket, key, version=None):
    answer = s3.get_object_retention(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))["Retention"]
    print(answer["Mode"], answer["RetainUntilDate"].strftime("%Y-%m-%dT%H:%M:%SZ"))


def retentions(s3, bucket, prefix=""):
    for page in pages(s3, "list_objects_v2", Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            retention(s3, bucket, entry["Key"])


def fill(s3, bucket, prefix, count):
    """By hand and with Signature V2, which both servers take: boto3 needs a minute for ten thousand."""
    place = urllib.parse.urlsplit(s3.meta.endpoint_url)
    access, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"].encode()

    def some(first):
        line = http.client.HTTPConnection(place.netloc)
        for n in range(first, int(count), 8):
            path, date = f"/{bucket}/{prefix}{n:06}", email.utils.formatdate(usegmt=True)
            mac = base64.b64encode(hmac.digest(secret, f"PUT\n\n\n{date}\n{path}".encode(), "sha1")).decode()
            line.request("PUT", path, b"x", {"Date": date, "Authorization": f"AWS {access}:{mac}"})
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"fill {bucket}: {answer.status}")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))


def empty(s3, bucket):
    for entry in list(all_uploads(s3, bucket)):
        s3.abort_multipart_upload(Bucket=bucket, Key=entry["Key"], UploadId=entry["UploadId"])
    names = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry, _ in all_versions(s3, bucket)]
    for start in range(0, len(names), 1000):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": names[start : start + 1000], "Quiet": True})


def shortened(token, seconds):
    """The same session with an earlier end: Ceph gives 900 seconds at least, so it is sealed anew with its own key."""
    def aes():
        return Cipher(algorithms.AES(b"0123456789abcdef"), modes.CBC(b"cephsageyudagreg"))  # rgw_sts_key, CEPH_AES_IV
    opened = aes().decryptor().update(base64.b64decode(token))
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    text = end.strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()
    # Two times lie in it, of one length: its end comes first.
    changed = re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text, opened, count=1)
    if len(changed) != len(opened) or changed == opened:
        raise SystemExit("this is not how Ceph 16 writes a session")
    return base64.b64encode(aes().encryptor().update(changed)).decode(), end


def session(endpoint, seconds):
    """Access key, secret, token and end of a new session of Ceph's owner, from STS."""
    statement = {"Effect": "Allow", "Action": ["sts:*", "s3:*"], "Resource": ["*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client(endpoint, "iam").put_user_policy(UserName="owner", PolicyName="sessions", PolicyDocument=policy)
    answer = client(endpoint, "sts").get_session_token(DurationSeconds=max(seconds, 900))["Credentials"]
    word, end = answer["SessionToken"], answer["Expiration"]
    if seconds < 900:
        word, end = shortened(word, seconds)
    return answer["AccessKeyId"], answer["SecretAccessKey"], word, end.strftime("%Y-%m-%dT%H:%M:%SZ")


def token(endpoint, seconds):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
    for name, value in zip(names, session(endpoint, int(seconds)), strict=True):
        print(f"{name}={value}")


VERBS = {
    "make": make, "allow": allow, "default-lock": default_lock, "put": put, "get": get, "list": listing,
    "versions": versions, "uploads": uploads, "start-upload": start_upload, "put-marker": put_marker,
    "delete": delete, "retention": retention, "retentions": retentions, "fill": fill, "empty": empty,
}


def main():
    if len(sys.argv) < 4 or sys.argv[2] not in {**VERBS, "token": token}:
        raise SystemExit(__doc__)
    endpoint, verb, bucket, *rest = sys.argv[1:]
    try:
        if verb == "token":
            token(endpoint, *rest)
        else:
            VERBS[verb](client(endpoint), bucket, *rest)
    except TypeError as wrong:
        raise SystemExit(f"{verb}: {wrong}\n{__doc__}") from wrong
    except botocore.exceptions.ClientError as refused:
        raise SystemExit(f"{verb} {bucket}: {refused.response.get('Error', {}).get('Code', refused)}") from refused


if __name__ == "__main__":
    main()
