"""The only sub-package that imports FINN: what we use of it, and where we work around it.

Written for finn-plus 1.6.1 and qonnx 1.0.0. Every workaround has a test that notices when
upstream no longer needs it.
"""
