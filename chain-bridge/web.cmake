# The web side of amr-bridge: dashboard, API, live data and metrics (web.h).
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
set(web_modules
    web
    web_access
    web_alarms
    web_api
    web_assets
    web_batches
    web_daily
    web_feed
    web_grid
    web_jobs
    web_live
    web_meters
    web_metrics
    web_orders
    web_overview
    web_push
    web_readings
    web_request
    web_response
    web_server
    web_session
    web_wire)

# The pages are compiled in; a file that is added or changed is noticed by the next build.
find_program(NODE node REQUIRED)
file(GLOB web_files CONFIGURE_DEPENDS web/*.html web/*.css web/*.js web/*.svg web/*.json web/*.txt)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/web_assets_data.h
  COMMAND ${NODE} ${CMAKE_CURRENT_SOURCE_DIR}/web/embed.mjs
          ${CMAKE_CURRENT_BINARY_DIR}/web_assets_data.h
  DEPENDS ${web_files} web/embed.mjs
  COMMENT "Embedding the dashboard"
  VERBATIM)
set_source_files_properties(
  web_assets.c PROPERTIES OBJECT_DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/web_assets_data.h
                          INCLUDE_DIRECTORIES ${CMAKE_CURRENT_BINARY_DIR})
