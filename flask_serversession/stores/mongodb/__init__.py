from .store import MongoDBStore as MongoDBStore
