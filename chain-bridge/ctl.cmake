# amr-chain: the Ethereum side that amr-bridge and amrctl share. amrctl: the one command line for
# people; its verbs are a library so that tests can link them.
amr_library(
  amr-chain
  MODULES
  archive_reader
  fees
  proof
  report_blob
  rpc
  rpc_link
  rpc_replies
  chain
  chain_rpc
  ledger
  LINK
  amr-common
  PkgConfig::LWS
  PkgConfig::JANSSON
  Threads::Threads)

if(TARGET rpc-test)
  add_library(amr-rpc-fake STATIC rpc_fake.c)
  target_link_libraries(amr-rpc-fake PUBLIC amr-common PkgConfig::LWS)
  target_link_libraries(rpc-test PRIVATE amr-rpc-fake)
  target_link_libraries(chain-rpc-test PRIVATE amr-rpc-fake)
endif()

amr_library(
  amr-ctl
  MODULES
  audit
  audit_batch
  audit_before
  audit_findings
  audit_ledger
  audit_pool
  audit_spool
  audit_state
  audit_table
  ctl
  ctl_alarms
  ctl_board
  ctl_bundle
  ctl_command
  ctl_completion
  ctl_confirm
  ctl_deploy
  ctl_enrol
  ctl_feed
  ctl_history
  ctl_init
  ctl_key
  ctl_logs
  ctl_manual
  ctl_meters
  ctl_pace
  ctl_pki
  ctl_progress
  ctl_proof
  ctl_quarantine
  ctl_readings
  ctl_registry
  ctl_roles
  ctl_report
  ctl_rows
  ctl_screen
  ctl_serials
  ctl_staff
  ctl_status
  ctl_store
  ctl_target
  ctl_token
  ctl_tx
  ctl_verbs
  ctl_verify
  ctl_watch
  curve
  local_time
  log_file
  pki
  report
  report_page
  report_plot
  LINK
  amr-store
  amr-chain
  amr-mqtt
  amr-common
  m)

# amrctl init writes the broker's configuration: its template goes into the program.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                                       ${CMAKE_SOURCE_DIR}/deploy/mosquitto.conf.in)
file(READ ${CMAKE_SOURCE_DIR}/deploy/mosquitto.conf.in template HEX)
string(REGEX REPLACE "(..)" "0x\\1," template "${template}")
file(CONFIGURE OUTPUT template/mosquitto_conf.inc CONTENT "${template}\n" @ONLY)
target_include_directories(amr-ctl PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/template)

add_executable(amrctl ctl_main.c)
target_link_libraries(amrctl PRIVATE amr-ctl)
target_compile_definitions(amrctl PRIVATE AMR_VERSION="${PROJECT_VERSION}")
install(TARGETS amrctl COMPONENT ctl)
amr_manual(amrctl 1)

set(completion ${CMAKE_BINARY_DIR}/completion/amrctl)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completion)
add_custom_command(
  OUTPUT ${completion}
  COMMAND amrctl completion bash > ${completion}
  DEPENDS amrctl
  VERBATIM)
add_custom_target(amrctl-completion ALL DEPENDS ${completion})
install(FILES ${completion} DESTINATION share/bash-completion/completions COMPONENT ctl)

amr_fuzz_target(proof SOURCES proof_fuzz.c CORPUS ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/proof LINK
                amr-chain)
amr_fuzz_target(chain-reply SOURCES ledger_fuzz.c CORPUS
                ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/chain-reply LINK amr-chain)
amr_fuzz_target(pki-request SOURCES pki_fuzz.c CORPUS
                ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/pki-request LINK amr-ctl)
amr_fuzz_target(archive-reader SOURCES archive_reader_fuzz.c CORPUS
                ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/archive-reader LINK amr-chain)
amr_fuzz_target(rpc-replies SOURCES rpc_replies_fuzz.c CORPUS
                ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/rpc-replies LINK amr-chain)
