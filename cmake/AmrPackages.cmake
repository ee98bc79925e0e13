# Four Debian packages, made by `cpack` in a release build: amr-broker, amr-bridge, amr-meter,
# amrctl. deploy/packages has what they contain beside programs; deploy/systemd the units.
set(amr_packages ${CMAKE_SOURCE_DIR}/deploy/packages)
set(amr_made ${CMAKE_BINARY_DIR}/packages)

# amr_sample(CONF PROGRAM NAME=VALUE...): packages/CONF, made from what the program says of itself.
function(amr_sample conf program)
  add_custom_command(
    OUTPUT ${amr_made}/${conf}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${amr_made}
    COMMAND ${amr_packages}/sample $<TARGET_FILE:${program}> ${ARGN} > ${amr_made}/${conf}
    DEPENDS ${program} ${amr_packages}/sample
    VERBATIM)
  add_custom_target(sample-${program} ALL DEPENDS ${amr_made}/${conf})
endfunction()

# amr_scripts(COMPONENT UNIT POSTINST.. POSTRM.. KEPT..): the package's maintainer scripts.
function(amr_scripts component)
  cmake_parse_arguments(ARG "" "UNIT;POSTINST;POSTRM" "KEPT;CONFFILES" ${ARGN})
  set(PACKAGE amr-${component})
  set(UNIT ${ARG_UNIT})
  set(POSTINST "${ARG_POSTINST}")
  set(POSTRM "${ARG_POSTRM}")
  list(JOIN ARG_KEPT " " KEPT)
  set(files)
  foreach(script IN ITEMS postinst prerm postrm)
    configure_file(${amr_packages}/${script}.in ${amr_made}/${component}/${script} @ONLY
                   FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                    WORLD_READ WORLD_EXECUTE)
    list(APPEND files ${amr_made}/${component}/${script})
  endforeach()
  if(ARG_CONFFILES)
    list(JOIN ARG_CONFFILES "\n" lines)
    file(WRITE ${amr_made}/${component}/conffiles "${lines}\n")
    list(APPEND files ${amr_made}/${component}/conffiles)
  endif()
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${files} PARENT_SCOPE)
endfunction()

# --- amr-bridge ----------------------------------------------------------------------------------
amr_sample(bridge.conf amr-bridge store=/var/lib/amr-bridge/bridge.db
           registry=/var/lib/amr-registry/registry.db ca=/etc/amr/bridge/ca.crt
           cert=/etc/amr/bridge/bridge.crt web-listen=127.0.0.1:8080
           web-staff=/etc/amr/bridge/staff)
install(FILES ${amr_made}/bridge.conf DESTINATION /etc/amr COMPONENT bridge)
install(FILES deploy/systemd/amr-bridge.service DESTINATION lib/systemd/system COMPONENT bridge)
install(FILES deploy/packages/amr-bridge.sysusers DESTINATION lib/sysusers.d
        RENAME amr-bridge.conf COMPONENT bridge)
install(FILES deploy/packages/amr-bridge.tmpfiles DESTINATION lib/tmpfiles.d
        RENAME amr-bridge.conf COMPONENT bridge)
amr_scripts(
  bridge
  UNIT amr-bridge.service
  POSTINST
  "systemd-sysusers amr-bridge.conf && systemd-tmpfiles --create amr-bridge.conf
    [ -e /etc/amr/bridge/staff ] || install -m 640 -g amr-bridge /dev/null /etc/amr/bridge/staff"
  POSTRM "rm -rf /var/lib/amr-registry"
  KEPT /var/lib/amr-bridge /etc/amr/bridge
  CONFFILES /etc/amr/bridge.conf)

# --- amr-broker ----------------------------------------------------------------------------------
set(USER mosquitto)
set(STATE /var/lib/amr-broker)
set(PORT 8883)
set(PKI /etc/amr/broker)
set(GROUP 1)
set(PLUGIN /usr/lib/amr/amr_broker_plugin.so)
set(REGISTRY /var/lib/amr-registry/registry.db)
file(READ deploy/mosquitto.conf.in conf)
string(CONFIGURE "${conf}" conf @ONLY)
# The tests' broker listens on loopback; this one for the meters. Its key is a credential.
string(REPLACE "listener ${PORT} 127.0.0.1" "listener ${PORT}" conf "${conf}")
string(REPLACE "keyfile ${PKI}/" "keyfile /run/credentials/amr-broker.service/" conf "${conf}")
string(REPLACE "plugin_opt_registry" "plugin_opt_staff ${PKI}/staff\nplugin_opt_registry" conf "${conf}")
file(WRITE ${amr_made}/mosquitto.conf "${conf}\ninclude_dir ${PKI}/conf.d\n")
install(FILES ${amr_made}/mosquitto.conf DESTINATION /etc/amr/broker COMPONENT broker)
install(DIRECTORY DESTINATION /etc/amr/broker/conf.d COMPONENT broker)
install(FILES deploy/mosquitto-websockets.conf DESTINATION share/doc/amr-broker/examples
        RENAME websockets.conf COMPONENT broker)
install(TARGETS amr_broker_plugin LIBRARY DESTINATION lib/amr COMPONENT broker)
install(FILES deploy/systemd/amr-broker.service DESTINATION lib/systemd/system COMPONENT broker)
amr_scripts(
  broker
  UNIT amr-broker.service
  POSTINST
  "[ -e ${PKI}/staff ] || install -m 640 -g mosquitto /dev/null ${PKI}/staff"
  POSTRM "rm -rf ${STATE}"
  KEPT /etc/amr/broker
  CONFFILES /etc/amr/broker/mosquitto.conf)

# --- amr-meter -----------------------------------------------------------------------------------
amr_sample(meter.conf amr-meter)
install(FILES ${amr_made}/meter.conf DESTINATION share/doc/amr-meter/examples COMPONENT meter)
install(DIRECTORY DESTINATION /etc/amr/meters COMPONENT meter)
install(FILES deploy/systemd/amr-meter@.service DESTINATION lib/systemd/system COMPONENT meter)
install(FILES deploy/packages/amr-meter.sysusers DESTINATION lib/sysusers.d
        RENAME amr-meter.conf COMPONENT meter)
amr_scripts(
  meter
  UNIT "amr-meter@*.service"
  POSTINST "systemd-sysusers amr-meter.conf"
  POSTRM ":"
  KEPT /var/lib/amr-meter /etc/amr/meters)

# --- amrctl --------------------------------------------------------------------------------------
install(FILES contracts/out/MeterLedger.bin DESTINATION share/amr COMPONENT ctl OPTIONAL)

foreach(component IN ITEMS bridge broker meter ctl)
  set(package amr-${component})
  if(component STREQUAL ctl)
    set(package amrctl)
  endif()
  install(FILES LICENSE DESTINATION share/doc/${package} RENAME copyright COMPONENT ${component})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SHLIBDEPS ON)
endforeach()
set(CPACK_DEBIAN_BROKER_PACKAGE_DEPENDS "mosquitto (>= 2.0.11)")
set(CPACK_DEBIAN_BRIDGE_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_METER_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_BROKER_PACKAGE_RECOMMENDS "amr-bridge, amrctl")
set(CPACK_DEBIAN_BRIDGE_PACKAGE_RECOMMENDS "amr-broker, amrctl, ca-certificates")
set(CPACK_COMPONENT_BROKER_DESCRIPTION
    "AMR Ledger: Mosquitto plugin that admits known meters\n Checks every report of an electricity meter before it passes: certificate, registry,\n signature, sequence, registers, clock and rate.")
set(CPACK_COMPONENT_BRIDGE_DESCRIPTION
    "AMR Ledger: seals meter reports on an Ethereum network\n Takes signed reports from MQTT, keeps them in SQLite, packs them into transactions and\n follows these to finality. With dashboard, API and metrics.")
set(CPACK_COMPONENT_METER_DESCRIPTION
    "AMR Ledger: reads an electricity meter, signs and sends\n Sources: DSMR P1, IEC 62056-21, S0 pulses, a simulated household. Keeps every report until\n it is sealed.")
set(CPACK_COMPONENT_CTL_DESCRIPTION
    "AMR Ledger: command line\n Keys, certificates, contract, meters, servers, commands, readings and proofs.")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME amr-ledger)
set(CPACK_PACKAGE_CONTACT "AMR Ledger operators <root@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL broker bridge meter ctl)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_SET_DESTDIR OFF)
set(CPACK_ERROR_ON_ABSOLUTE_INSTALL_DESTINATION OFF)
set(CPACK_OUTPUT_FILE_PREFIX ${CMAKE_BINARY_DIR}/deb)
include(CPack)
