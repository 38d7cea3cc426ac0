"""Buckets and objects as fixtures declare them, read back through plain boto3."""

import json

import pytest
from botocore.exceptions import ClientError

from bootstrap.errors import StepFailedError
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

EVERYTHING = """
sqs:
  incoming: {}
s3:
  elsewhere: {region: eu-west-1, tags: {a: b}, objects: {a.txt: a}}
  artefacts:
    versioning: true
    tags: {team: sales, empty: ""}
    cors: [{origins: ["https://a.example"], methods: [GET, PUT], headers: ["*"], expose: [ETag], maxAge: 300}]
    lifecycle:
      - {id: tmp, prefix: tmp/, expireDays: 3}
      - {prefix: up/, abortUploadDays: 2, expireNoncurrentDays: 9, enabled: false}
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "${ref:s3/artefacts.arn}/*"}]
    encryption: aws:kms
    website: {index: index.html, error: error.html}
    publicAccessBlock: {blockPublicAcls: true}
    notifications:
      - {queue: incoming, events: [created], prefix: in/, suffix: .csv}
    objects:
      plain.txt: hello
      'deep/ü + #1.json': {json: {a: 1}, metadata: {Origin: test}, tags: {kind: "a b"}, contentType: application/x.test}
      zero.bin: {base64: AAECAw==, aws: {CacheControl: max-age=60}}
      from-file.txt: {file: file.txt}
    trees:
      web/: site
    aws: {OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}}
"""


def create_buckets(bench: Bench) -> None:
    (bench.fixtures / "site" / "css").mkdir(parents=True)
    (bench.fixtures / "site" / "index.html").write_text("<h1>hi</h1>")
    (bench.fixtures / "site" / "css" / "a.css").write_text("a {}")
    (bench.fixtures / "file.txt").write_text("from a file")
    bench.apply(EVERYTHING)


def test_what_creation_was_given_is_compared_and_changes_where_it_can(bench: Bench) -> None:
    declared = "s3: {{artefacts: {{aws: {{ObjectOwnership: {}, ACL: {}{}}}}}}}"
    bench.apply(declared.format("ObjectWriter", "private", ""))
    bench.settled()
    bench.apply(declared.format("BucketOwnerPreferred", "public-read", ""))
    s3 = bench.client("s3")
    rules = s3.get_bucket_ownership_controls(Bucket="artefacts")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    grantees = [grant["Grantee"]["Type"] for grant in s3.get_bucket_acl(Bucket="artefacts")["Grants"]]
    assert "Group" in grantees
    bench.settled()
    with pytest.raises(StepFailedError, match="nothing was written"):
        bench.apply(declared.format("ObjectWriter", "private", ", ObjectLockEnabledForBucket: true"))


def test_every_setting_reads_back(bench: Bench) -> None:
    create_buckets(bench)
    s3 = bench.client("s3")
    name = {"Bucket": "artefacts"}
    assert s3.get_bucket_location(Bucket="elsewhere")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_versioning(**name)["Status"] == "Enabled"
    tags = {tag["Key"]: tag.get("Value", "") for tag in s3.get_bucket_tagging(**name)["TagSet"]}
    assert tags == {"team": "sales", "empty": "", "bootstrap.dev/owner": bench.owner}
    (cors,) = s3.get_bucket_cors(**name)["CORSRules"]
    assert cors == {
        "AllowedOrigins": ["https://a.example"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 300,
    }
    first, second = s3.get_bucket_lifecycle_configuration(**name)["Rules"]
    assert (first["ID"], first["Filter"], first["Expiration"]) == ("tmp", {"Prefix": "tmp/"}, {"Days": 3})
    assert second["Status"] == "Disabled"
    assert second["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    policy = json.loads(s3.get_bucket_policy(**name)["Policy"])
    assert policy["Statement"][0]["Resource"] == "arn:aws:s3:::artefacts/*"
    (rule,) = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    website = s3.get_bucket_website(**name)
    assert (website["IndexDocument"], website["ErrorDocument"]) == ({"Suffix": "index.html"}, {"Key": "error.html"})
    block = s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"]
    assert (block["BlockPublicAcls"], block["BlockPublicPolicy"]) == (True, False)
    (notification,) = s3.get_bucket_notification_configuration(**name)["QueueConfigurations"]
    assert notification["QueueArn"].endswith(":incoming")
    assert notification["Events"] == ["s3:ObjectCreated:*"]
    rules = {
        filter_rule["Name"].lower(): filter_rule["Value"]
        for filter_rule in notification["Filter"]["Key"]["FilterRules"]
    }
    assert rules == {"prefix": "in/", "suffix": ".csv"}
    owners = s3.get_bucket_ownership_controls(**name)["OwnershipControls"]["Rules"]
    assert owners == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    bench.settled()


def test_every_object_reads_back(bench: Bench) -> None:
    create_buckets(bench)
    s3 = bench.client("s3")

    def body(key: str) -> bytes:
        return bytes(s3.get_object(Bucket="artefacts", Key=key)["Body"].read())

    assert body("plain.txt") == b"hello"
    assert json.loads(body("deep/ü + #1.json")) == {"a": 1}
    assert body("zero.bin") == bytes([0, 1, 2, 3])
    assert body("from-file.txt") == b"from a file"
    assert body("web/index.html") == b"<h1>hi</h1>"
    head = s3.head_object(Bucket="artefacts", Key="deep/ü + #1.json")
    assert (head["ContentType"], head["Metadata"]) == ("application/x.test", {"origin": "test"})
    tags = s3.get_object_tagging(Bucket="artefacts", Key="deep/ü + #1.json")["TagSet"]
    assert tags == [{"Key": "kind", "Value": "a b"}]
    assert s3.head_object(Bucket="artefacts", Key="zero.bin")["CacheControl"] == "max-age=60"
    assert s3.head_object(Bucket="artefacts", Key="web/css/a.css")["ContentType"] == "text/css"
    bench.settled()


def test_what_somebody_changed_is_shown_and_repaired(bench: Bench) -> None:
    create_buckets(bench)
    s3 = bench.client("s3")
    s3.put_object(Bucket="artefacts", Key="plain.txt", Body=b"changed")
    s3.put_object(Bucket="artefacts", Key="foreign.txt", Body=b"extra")
    s3.delete_object(Bucket="artefacts", Key="web/index.html")
    s3.put_bucket_versioning(Bucket="artefacts", VersioningConfiguration={"Status": "Suspended"})
    s3.delete_bucket_cors(Bucket="artefacts")
    assert bench.differing() == {
        "s3/artefacts: versioning": "drifted",
        "s3/artefacts: cors": "drifted",
        "s3/artefacts: objects/plain.txt": "drifted",
        "s3/artefacts: objects/web/index.html": "drifted",
        "s3/artefacts: objects/foreign.txt": "extra",
    }
    bench.refresh()
    bench.settled()
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="artefacts", Key="foreign.txt")


def test_apply_leaves_what_the_application_wrote(bench: Bench) -> None:
    bench.apply("s3: {artefacts: {objects: {a.txt: one}}}")
    bench.client("s3").put_object(Bucket="artefacts", Key="theirs", Body=b"x")
    result = bench.apply("s3: {artefacts: {objects: {a.txt: two}}}")
    assert result.changed == 1
    assert bench.client("s3").head_object(Bucket="artefacts", Key="theirs")


def test_a_setting_no_longer_declared_is_taken_back(bench: Bench) -> None:
    bench.apply('s3: {artefacts: {versioning: true, website: {index: i.html}, tags: {a: "1", b: "2"}}}')
    bench.apply('s3: {artefacts: {tags: {a: "1"}}}')
    s3 = bench.client("s3")
    assert s3.get_bucket_versioning(Bucket="artefacts")["Status"] == "Suspended"
    with pytest.raises(ClientError, match="NoSuchWebsiteConfiguration"):
        s3.get_bucket_website(Bucket="artefacts")
    assert {tag["Key"] for tag in s3.get_bucket_tagging(Bucket="artefacts")["TagSet"]} == {"a", "bootstrap.dev/owner"}
    bench.settled()


def test_an_object_no_longer_declared_waits_for_prune(bench: Bench) -> None:
    bench.apply("s3: {artefacts: {objects: {a: x, b: y}}}")
    bench.apply("s3: {artefacts: {objects: {a: x}}}")
    s3 = bench.client("s3")
    assert s3.head_object(Bucket="artefacts", Key="b")
    assert bench.differing() == {"s3/artefacts: objects/b": "orphaned"}
    bench.prune()
    assert [content["Key"] for content in s3.list_objects_v2(Bucket="artefacts")["Contents"]] == ["a"]
    bench.settled()


def test_a_bucket_of_somebody_else_is_never_touched(bench: Bench) -> None:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="artefacts")
    s3.create_bucket(Bucket="others")
    result = bench.apply("s3: {artefacts: {versioning: true}}")
    assert [str(resource.action) for resource in result.resources] == ["foreign"]
    assert "Status" not in s3.get_bucket_versioning(Bucket="artefacts")
    bench.write("s3: {mine: {}}")
    bench.prune()
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} >= {"artefacts", "others"}


def test_a_bucket_with_versions_can_be_pruned(bench: Bench) -> None:
    bench.apply("s3: {artefacts: {versioning: true, objects: {a: x}}, keep-me: {}}")
    bench.client("s3").put_object(Bucket="artefacts", Key="a", Body=b"again")
    bench.write("s3: {keep-me: {}}")
    bench.prune()
    assert "artefacts" not in {bucket["Name"] for bucket in bench.client("s3").list_buckets()["Buckets"]}
