"""The store on a SQL server: PostgreSQL, and what else SQLAlchemy knows."""
