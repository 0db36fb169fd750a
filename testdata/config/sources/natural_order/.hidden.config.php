<?php
$CONFIG = ['dbtableprefix' => 'hidden_'];
