<?php
$CONFIG = [=];
