"""The AWS services that fixtures can declare, one file or folder each."""
