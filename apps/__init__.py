"""The product: Django apps, thin over the engine.

Who, may they, what do they ask; call one service; shape the reply.
"""
