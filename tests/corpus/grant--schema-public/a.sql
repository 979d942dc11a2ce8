GRANT CREATE ON SCHEMA public TO corpus_alice;
