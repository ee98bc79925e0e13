# amr-chain: the Ethereum side that amr-bridge and amrctl share.
amr_library(
  amr-chain
  MODULES
  rpc
  rpc_link
  chain
  chain_rpc
  ledger
  LINK
  amr-common
  PkgConfig::LWS
  PkgConfig::JANSSON
  Threads::Threads)
