<?php
$CONFIG = ['dbtableprefix' => 'other_'];
