from .store import MemcachedStore as MemcachedStore
