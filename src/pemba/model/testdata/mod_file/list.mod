schema: "1.2"
contents:
  - core.fga
  - "team%2Fa.fga"
  - ../x.fga
  - a\b.fga
  - true
