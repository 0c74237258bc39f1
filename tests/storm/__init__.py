"""A storm over the whole site: real processes that die at random, gateways that lie by chance, clients that insist.

`run.run` raises one, `python -m tests.storm` does so from the command line.
"""
