"""Identities under --auth iam by the official Python SDK: who one is, a role taken on, and what its policies allow."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

config = Config(retries={"max_attempts": 0})
sts = boto3.client("sts", config=config)
assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::111122223333:user/admin"
boto3.client("kinesis", config=config).create_stream(StreamName="orders", ShardCount=1)

taken = sts.assume_role(RoleArn="arn:aws:iam::111122223333:role/reader", RoleSessionName="interop")
assert taken["AssumedRoleUser"]["Arn"] == "arn:aws:sts::111122223333:assumed-role/reader/interop", taken
keys = taken["Credentials"]
session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
assert session.client("sts", config=config).get_caller_identity()["Arn"] == taken["AssumedRoleUser"]["Arn"]

kinesis = session.client("kinesis", config=config)
assert kinesis.list_streams()["StreamNames"] == ["orders"]
try:
    kinesis.delete_stream(StreamName="orders")
    raise AssertionError("a role that may only read deleted a stream")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDeniedException", error
