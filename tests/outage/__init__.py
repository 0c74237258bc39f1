"""Gateways that fail for an hour: in virtual time (test_hour.py), and under load with real processes.

`python -m tests.outage` runs the latter and prints its figures as JSON.
"""
