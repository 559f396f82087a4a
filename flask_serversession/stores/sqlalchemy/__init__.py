from .store import SQLAlchemyStore as SQLAlchemyStore
