"""study: what scripts/study is made of; see README.md."""
