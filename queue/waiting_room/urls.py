from django.urls import path

from waiting_room import log_views, no_connection, now_cache, opening_views, views

urlpatterns = [
    path("queue/verify_line.py", log_views.verifier, name="verifier"),
    path("queue/witness.py", log_views.witness_program, name="witness_program"),
    path("queue/resume/", views.resume, name="resume"),
    path("queue/service-worker.js", no_connection.service_worker, name="service_worker"),
    path("queue/t/offline/", no_connection.page, name="no_connection"),
    path("queue/t/<uuid:ticket_id>/", views.ticket_page, name="ticket"),
    path("queue/t/<uuid:ticket_id>/qr.svg", views.resume_picture, name="resume_picture"),
    path("queue/t/<uuid:ticket_id>/proof.json", log_views.ticket_proof, name="ticket_proof"),
    path(
        "queue/t/<uuid:ticket_id>/ticket.tlog-proof",
        log_views.ticket_tlog_proof,
        name="ticket_tlog_proof",
    ),
    path("queue/t/<uuid:ticket_id>/enter/", views.enter, name="enter"),
    path("queue/t/<uuid:ticket_id>/more-time/", views.more_time, name="more_time"),
    path("queue/t/<uuid:ticket_id>/tell/", views.tell, name="tell"),
    path("queue/t/<uuid:ticket_id>/leave/", views.leave, name="leave_line"),
    path("queue/<slug:code>/", views.room_page, name="room"),
    path("queue/<slug:code>/opening.ics", opening_views.opening_calendar, name="opening_calendar"),
    path("queue/<slug:code>/join/", views.join, name="queue_join"),
    path("queue/<slug:code>/log/checkpoint", log_views.log_checkpoint, name="log_checkpoint"),
    path("queue/<slug:code>/log/policy", log_views.log_policy, name="log_policy"),
    path("queue/<slug:code>/log/tile/<path:path>", log_views.log_tile, name="log_tile"),
    path("queue/<slug:code>/log.csv", log_views.line_log, name="line_log"),
    path("queue/<slug:code>/draw/", views.draw_page, name="draw"),
    path("queue/<slug:code>/now.json", now_cache.now_document, name="now"),
]
