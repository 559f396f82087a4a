from .store import FileSystemStore as FileSystemStore
