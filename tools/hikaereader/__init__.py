"""An independent reader of hikae stores that follows src/repo/FORMAT.md alone; section numbers (§) refer to it.

It shares no code with hikae: where the two disagree, one of them, or the page, is wrong.
"""
